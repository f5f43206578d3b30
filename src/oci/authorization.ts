import { readText } from "./answer.ts";
import type { Credentials } from "./credentials.ts";
import { reasonOf, registryFailure } from "./failure.ts";
import type { Answer, Outgoing } from "./transport.ts";

/** What an answer 401 asks for. */
export interface Challenge {
  readonly scheme: "basic" | "bearer";
  readonly parameters: Readonly<Record<string, string>>;
}

const answerBytesMax = 1024 * 1024;

/** The first challenge in `WWW-Authenticate` that can be met; null: there is none. */
export function parseChallenge(header: string | undefined): Challenge | null {
  const found = /(?:^|,\s*)(bearer|basic)(?:\s+(.*))?$/i.exec(header ?? "");
  if (found === null) return null;
  const parameters: Record<string, string> = {};
  for (const [, name = "", quoted, bare] of (found[2] ?? "").matchAll(/([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g)) {
    parameters[name.toLowerCase()] = quoted?.replaceAll(/\\(.)/g, "$1") ?? bare ?? "";
  }
  return { scheme: found[1]?.toLowerCase() === "basic" ? "basic" : "bearer", parameters };
}

/** `Authorization` for user and password. */
export function basicHeader({ user, password }: Extract<Credentials, { type: "password" }>): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

/** The request for a token, which is what a `bearer` challenge asks to be shown. Without credentials it is asked for anonymously. */
export function tokenRequest(realm: URL, service: string | undefined, scope: string, credentials: Credentials | null): Outgoing {
  const named = { ...(service === undefined ? {} : { service }), scope };
  if (credentials?.type === "identity") {
    const fields = { grant_type: "refresh_token", client_id: "polykiln", refresh_token: credentials.token, ...named };
    const body = Buffer.from(new URLSearchParams(fields).toString());
    const headers = { "content-type": "application/x-www-form-urlencoded", "content-length": String(body.length) };
    return { method: "POST", url: realm, headers, body };
  }
  const url = new URL(realm);
  for (const [name, value] of Object.entries(named)) url.searchParams.append(name, value);
  return { method: "GET", url, headers: credentials?.type === "password" ? { authorization: basicHeader(credentials) } : {} };
}

/** The token in the answer to such a request. Throws `registry_failed`. */
export async function tokenOf(answer: Answer): Promise<string> {
  const text = await readText(answer, answerBytesMax);
  if (answer.status !== 200) {
    const status = answer.status >= 400 && answer.status < 500 ? { status: answer.status } : {};
    throw registryFailure(`no token was given: ${reasonOf(answer.status, text)}`, status);
  }
  const { token, access_token: accessToken } = parse(text);
  const given = typeof token === "string" && token !== "" ? token : accessToken;
  if (typeof given !== "string" || !/^[\x21-\x7e]+$/.test(given)) throw registryFailure("the token server gave no token");
  return given;
}

function parse(text: string): { token?: unknown; access_token?: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
