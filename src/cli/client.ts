import { readFileSync } from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { World } from "../lib/world.ts";
import { asFailure, unreachable } from "./answer-failure.ts";
import { exits, Failure } from "./failure.ts";

export interface ClientOptions {
  readonly url: string;
  readonly auth: string | null;
  readonly fallbackKeyFile: string | null;
  readonly world: World;
  readonly interrupted: AbortSignal;
  readonly debug?: (line: string) => void;
}

export interface Ask {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** An object is sent as JSON, bytes and text as they are. */
  readonly body?: object | string | Buffer;
  /** Until the last byte; 0: no limit. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly bytes: Buffer;
}

const timeoutMsDefault = 30_000;

/** Requests to one server. Anything but a 2xx is thrown as a `Failure` where the method's name does not say otherwise. */
export class Client {
  readonly url: string;
  readonly #options: ClientOptions;
  #auth: string | null;

  constructor(options: ClientOptions) {
    this.url = options.url;
    this.#options = options;
    this.#auth = options.auth;
  }

  async get<T>(path: string, ask: Ask = {}): Promise<T> {
    return await this.json<T>("GET", path, ask);
  }

  async json<T>(method: string, path: string, ask: Ask = {}): Promise<T> {
    const answer = await this.send(method, path, ask);
    return (answer.bytes.length === 0 ? null : parsed(answer, `${method} ${this.url}${path}`)) as T;
  }

  /** The answer when its status is 2xx. */
  async send(method: string, path: string, ask: Ask = {}): Promise<Answer> {
    const answer = await this.exchange(method, path, ask);
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw await asFailure(this, method, path, answer);
  }

  /** Null when it is not there. */
  async find<T>(path: string, ask: Ask = {}): Promise<T | null> {
    const answer = await this.exchange("GET", path, ask);
    if (answer.status === 404) return null;
    if (answer.status !== 200) throw await asFailure(this, "GET", path, answer);
    return parsed(answer, path) as T;
  }

  /** Every item of a list, page after page, at most `max`. */
  async list<T>(path: string, query: Ask["query"] = {}, max = Number.POSITIVE_INFINITY): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | undefined;
    do {
      const limit = Math.min(100, max - items.length);
      const page = await this.get<{ items: T[]; nextCursor: string | null }>(path, { query: { ...query, limit, cursor } });
      items.push(...page.items);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined && items.length < max);
    return items;
  }

  /** Whatever the server answers. Throws when it does not. */
  async exchange(method: string, path: string, ask: Ask = {}): Promise<Answer> {
    const response = await this.open(method, path, ask);
    return { status: response.statusCode ?? 0, headers: response.headers, bytes: await this.#read(response) };
  }

  /** The answer with its body still to come. A server of this machine that wants a key gets the one that lies here. */
  async open(method: string, path: string, ask: Ask = {}): Promise<IncomingMessage> {
    // Another request may find the key meanwhile.
    const auth = this.#auth;
    const response = await this.#once(method, path, ask);
    const file = this.#options.fallbackKeyFile;
    if (response.statusCode !== 401 || auth !== null || file === null) return response;
    const key = keyIn(file);
    if (key === null) return response;
    response.resume();
    this.#auth = key;
    return await this.#once(method, path, ask);
  }

  #once(method: string, path: string, ask: Ask): Promise<IncomingMessage> {
    const { world, debug, interrupted } = this.#options;
    const url = new URL(this.url + path + queryText(ask.query));
    const { body, headers } = encoded(ask);
    // A request that is signed says itself who asks.
    if (this.#auth !== null && headers["authorization"] === undefined) headers["authorization"] = `Bearer ${this.#auth}`;
    const beganAt = world.monotonic();
    const signal = AbortSignal.any([interrupted, ...(ask.signal ? [ask.signal] : [])]);
    return new Promise((resolve, reject) => {
      const open = url.protocol === "https:" ? httpsRequest : httpRequest;
      const request = open(url, { method, headers, signal });
      const timeoutMs = ask.timeoutMs ?? timeoutMsDefault;
      const stopClock = timeoutMs === 0 ? () => {} : world.after(timeoutMs, () => request.destroy(new TooSlow(timeoutMs)));
      request.once("response", (response) => {
        debug?.(`${method} ${url.href} → ${response.statusCode} in ${(world.monotonic() - beganAt).toFixed(1)} ms`);
        response.once("close", stopClock);
        resolve(response);
      });
      request.once("error", (error) => {
        stopClock();
        reject(this.#broken(error));
      });
      request.end(body);
    });
  }

  async #read(response: IncomingMessage): Promise<Buffer> {
    const pieces: Buffer[] = [];
    try {
      for await (const piece of response) pieces.push(piece as Buffer);
    } catch (error) {
      throw this.#broken(error as Error);
    }
    return Buffer.concat(pieces);
  }

  #broken(error: Error): Failure {
    if (error instanceof TooSlow) {
      return new Failure({
        code: "E_TIMEOUT",
        exit: exits.unreachable,
        what: `${this.url} did not answer within ${error.timeoutMs} ms`,
        fix: "try again, or give it longer where the command takes --timeout",
        cause: error,
      });
    }
    if (this.#options.interrupted.aborted)
      return new Failure({ code: "E_INTERRUPTED", exit: 130, what: "Interrupted", cause: error });
    return unreachable(this.url, error);
  }
}

class TooSlow extends Error {
  readonly timeoutMs: number;

  constructor(timeoutMs: number) {
    super("too slow");
    this.timeoutMs = timeoutMs;
  }
}

function encoded({ body, headers = {} }: Ask): { body: string | Buffer | undefined; headers: Record<string, string | string[]> } {
  const all: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) all[name] = typeof value === "string" ? value : [...value];
  if (body === undefined || typeof body === "string" || Buffer.isBuffer(body)) {
    if (body !== undefined) all["content-length"] = String(Buffer.byteLength(body));
    return { body: body as string | Buffer | undefined, headers: all };
  }
  const text = JSON.stringify(body);
  return {
    body: text,
    headers: { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)), ...all },
  };
}

function queryText(query: Ask["query"] = {}): string {
  const given = Object.entries(query).filter((entry): entry is [string, string | number | boolean] => entry[1] !== undefined);
  if (given.length === 0) return "";
  return `?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]))}`;
}

function parsed({ bytes }: Answer, where: string): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new Failure({
      code: "E_NOT_A_SERVER",
      exit: exits.unreachable,
      what: "What answers there is no polykiln server: it sent no JSON",
      where,
      fix: "check the address (--api-url, POLYKILN_URL)",
      cause,
    });
  }
}

function keyIn(file: string): string | null {
  try {
    return readFileSync(file, "utf8").trim() || null;
  } catch {
    return null;
  }
}
