import { nearest } from "../lib/nearest.ts";
import type { Answer, Client } from "./client.ts";
import { exits, Failure } from "./failure.ts";

/** The body of an error of our API. */
export interface ApiError {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly requestId: string | null;
}

/** An error of our API when the answer is one. */
export function apiErrorOf({ bytes, headers }: Answer): ApiError | null {
  if (!String(headers["content-type"]).startsWith("application/json")) return null;
  try {
    const body = JSON.parse(bytes.toString("utf8")) as Partial<ApiError> | null;
    return typeof body?.code === "string" && typeof body.message === "string" && "requestId" in body ? (body as ApiError) : null;
  } catch {
    return null;
  }
}

/** The exit status of a code of the API. */
export function exitOf(code: string): number {
  switch (code) {
    case "invalid":
    case "too_large":
    case "method_not_allowed":
    case "header_too_large":
      return exits.usage;
    case "not_found":
      return exits.notFound;
    case "unauthenticated":
    case "forbidden":
      return exits.denied;
    case "timeout":
    case "start_timeout":
    case "pull_timeout":
    case "request_timeout":
    case "overloaded":
    case "throttled":
      return exits.unreachable;
    default:
      return exits.failed;
  }
}

/** What an answer that is no 2xx means. */
export async function asFailure(client: Client, method: string, path: string, answer: Answer): Promise<Failure> {
  const error = apiErrorOf(answer);
  if (error === null) return foreign(client, method, path, answer);
  const { code, message, details, requestId } = error;
  const output = typeof details?.["output"] === "string" ? details["output"] : "";
  const meant = code === "not_found" ? await nearestSibling(client, path).catch(() => undefined) : undefined;
  return new Failure({
    code: `E_${code.toUpperCase()}`,
    exit: exitOf(code),
    what: message,
    where: `${method} ${client.url}${path}`,
    frame: output === "" ? undefined : output.replaceAll(/^/gm, "  | "),
    fix: meant ?? fixOf(code),
    requestId: requestId ?? undefined,
  });
}

/** No server there. */
export function unreachable(url: string, cause: Error): Failure {
  const why = (cause as NodeJS.ErrnoException).code ?? cause.message;
  return new Failure({
    code: "E_UNREACHABLE",
    exit: exits.unreachable,
    what: `No server answers at ${url}`,
    why: why === "ECONNREFUSED" ? "Nothing listens there (ECONNREFUSED)" : why,
    fix: "start one with `polykiln dev` or `polykiln start`, or say where it is with --api-url or POLYKILN_URL",
    cause,
  });
}

function foreign(client: Client, method: string, path: string, { status, bytes }: Answer): Failure {
  const said = bytes.toString("utf8", 0, 200).split("\n")[0];
  return new Failure({
    code: "E_HTTP",
    exit:
      status === 404
        ? exits.notFound
        : status === 401 || status === 403
          ? exits.denied
          : status >= 500
            ? exits.unreachable
            : exits.failed,
    what: `The server answered ${status}`,
    where: `${method} ${client.url}${path}`,
    why: said === "" ? undefined : said,
    fix: "check that the address is that of a polykiln server, and its version with `polykiln version --server`",
  });
}

function fixOf(code: string): string | undefined {
  switch (code) {
    case "unauthenticated":
      return "give a key with --auth ID:SECRET or POLYKILN_AUTH; a server's first one is in guest.key in its data folder";
    case "forbidden":
      return "use a key of that namespace, or another namespace with -n";
    case "conflict":
      return "somebody else changed it meanwhile: look at it and run the command again";
    case "overloaded":
    case "throttled":
      return "try again in a moment";
    default:
      return undefined;
  }
}

/** Looks among what lies beside a thing that is not there: a typo is likelier than a loss. */
async function nearestSibling(client: Client, path: string): Promise<string | undefined> {
  const match = /^(\/kiln\/v1\/namespaces\/[^/]+(?:\/apps\/[^/]+)?)\/(apps|functions|routes)\/([^/]+)/.exec(path);
  if (match === null) return undefined;
  const [, parent, noun, name] = match as unknown as [string, string, string, string];
  // An app that is missing hides what is below it.
  const deeper = /^(\/kiln\/v1\/namespaces\/[^/]+)\/apps\/([^/]+)$/.exec(parent);
  if (deeper !== null && deeper[2] !== "_") {
    const found = await nearestIn(client, `${deeper[1]}/apps`, deeper[2] as string);
    if (found !== undefined && found !== decodeURIComponent(deeper[2] as string)) return `did you mean app ${found}?`;
  }
  const found = await nearestIn(client, `${parent}/${noun}`, name);
  return found === undefined ? undefined : `did you mean ${found}?`;
}

async function nearestIn(client: Client, path: string, name: string): Promise<string | undefined> {
  const answer = await client.exchange("GET", path, { query: { limit: 100 }, timeoutMs: 1000 });
  if (answer.status !== 200) return undefined;
  const { items } = JSON.parse(answer.bytes.toString("utf8")) as { items: { name: string }[] };
  const wanted = decodeURIComponent(name);
  // One that is there by now was made this moment.
  if (items.some((item) => item.name === wanted)) return undefined;
  return nearest(
    wanted,
    items.map((item) => item.name),
  );
}
