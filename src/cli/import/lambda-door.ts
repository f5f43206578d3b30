/** Lambda's API of the server, as AWS's clients use it. */
import type { World } from "../../lib/world.ts";
import type { KeyAnswer, SigningAnswer } from "../answers.ts";
import type { Surroundings } from "../cli.ts";
import type { Answer, Client } from "../client.ts";
import { exits, Failure } from "../failure.ts";
import { pause } from "../pause.ts";
import { type Pair, signedHeaders } from "./signature.ts";

// biome-ignore lint/suspicious/noExplicitAny: shapes of AWS's model, of which each caller reads two or three members.
export type Body = Readonly<Record<string, any>>;

export interface LambdaAsk {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** What the server refused, in AWS's words. */
export class LambdaRefusal extends Failure {
  /** Without `Exception` at its end. */
  readonly error: string;

  constructor(error: string, status: number, what: string, where: string) {
    super({ code: `E_${error.toUpperCase()}`, exit: exitOf(status), what, where, why: `Lambda's API calls it ${error}` });
    this.error = error;
  }

  get isNotFound(): boolean {
    return this.error.endsWith("NotFound");
  }
}

/** Installing packages may be part of making a function. */
const slowMs = 900_000;
const pollMs = 500;

export class LambdaDoor {
  readonly #client: Client;
  readonly #pair: Pair;
  readonly #world: Pick<World, "now">;
  readonly #interrupted: AbortSignal;

  constructor(client: Client, pair: Pair, { world, interrupted }: Pick<Surroundings, "world" | "interrupted">) {
    this.#client = client;
    this.#pair = pair;
    this.#world = world;
    this.#interrupted = interrupted;
  }

  /** The body of an answer that is no error. Throws `LambdaRefusal`. */
  async ask(method: string, path: string, { query = {}, body }: LambdaAsk = {}): Promise<Body> {
    const text = body === undefined ? "" : JSON.stringify(body);
    const host = new URL(this.#client.url).host;
    const headers = signedHeaders(this.#pair, { method, host, path, query, body: text, at: this.#world.now() });
    const answer = await this.#client.exchange(method, path, {
      query,
      headers: { ...headers, ...(text === "" ? {} : { "content-type": "application/json" }) },
      body: text === "" ? undefined : text,
      timeoutMs: slowMs,
    });
    const said = bodyOf(answer);
    if (answer.status >= 200 && answer.status < 300) return said;
    const name = String(answer.headers["x-amzn-errortype"] ?? "").replace(/Exception$/, "");
    const what = String(said["message"] ?? said["Message"] ?? `The server answered ${answer.status}`);
    throw new LambdaRefusal(name || "HTTP", answer.status, what, `${method} ${this.#client.url}${path}`);
  }

  /** Null: it is not there. */
  async find(path: string, ask: LambdaAsk = {}): Promise<Body | null> {
    try {
      return await this.ask("GET", path, ask);
    } catch (error) {
      if (error instanceof LambdaRefusal && error.isNotFound) return null;
      throw error;
    }
  }

  /** Waits until a function is what it was last told to be. Throws a `Failure` when it does not become so. */
  async settled(name: string): Promise<Body> {
    for (;;) {
      const found = await this.ask("GET", `${functionPath(name)}/configuration`);
      const { State: state, LastUpdateStatus: update } = found;
      if (state === "Failed" || update === "Failed")
        throw unsettled(name, String(found["LastUpdateStatusReason"] ?? found["StateReason"] ?? ""));
      if (state !== "Pending" && update !== "InProgress") return found;
      await pause(pollMs, this.#interrupted);
    }
  }
}

/** `below`: `2015-03-31` has functions themselves; other parts have dates of their own. */
export function functionPath(name: string, date = "2015-03-31"): string {
  return `/${date}/functions/${encodeURIComponent(name)}`;
}

/** Whose functions these are, as the server writes it into ARNs. */
export async function identityOf(
  door: LambdaDoor,
  { region }: Pair,
): Promise<{ readonly account: string; readonly region: string }> {
  const missing = await door.ask("GET", functionPath("polykiln-import")).catch((error: unknown) => error);
  const text = missing instanceof LambdaRefusal ? missing.fields.what : JSON.stringify(missing);
  return { region, account: /arn:aws:lambda:[\w-]+:(\d{12}):/.exec(text)?.[1] ?? "000000000000" };
}

/** What the first key of a namespace signs with. */
export async function pairOf(client: Client, home: string): Promise<Pair> {
  const [key] = (await client.get<{ items: KeyAnswer[] }>(`${home}/keys`)).items;
  if (key === undefined)
    throw new Failure({
      code: "E_NO_KEY",
      exit: exits.usage,
      what: "The namespace has no key, and Lambda's API takes signed requests only",
      fix: "make one with polykiln namespace keys create",
    });
  return await client.get<SigningAnswer>(`${home}/keys/${encodeURIComponent(key.id)}/signing`);
}

function bodyOf({ bytes }: Answer): Body {
  try {
    return bytes.length === 0 ? {} : (JSON.parse(bytes.toString("utf8")) as Body);
  } catch {
    return {};
  }
}

function exitOf(status: number): number {
  if (status === 404) return exits.notFound;
  if (status === 403) return exits.denied;
  if (status === 429 || status >= 500) return exits.unreachable;
  return status === 400 || status === 413 ? exits.usage : exits.failed;
}

function unsettled(name: string, reason: string): Failure {
  return new Failure({
    code: "E_FAILED",
    exit: exits.failed,
    what: `The function ${name} did not become ready`,
    why: reason || undefined,
    fix: "correct what its reason says, and import again",
  });
}
