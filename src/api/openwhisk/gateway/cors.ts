/** Which pages may read what an API answers: of every origin, unless its document says otherwise, whatever the web action says. */
import { headersWithout } from "../../../http/headers.ts";
import type { HttpRequest, HttpResponse } from "../../../http/http.ts";
import type { BodySource } from "../../../lib/body.ts";
import { type GatewayAnswer, preflight } from "./errors.ts";

/** What becomes of the headers of an answer. Lists that are the same become the same. */
export interface Cors {
  /** In small letters: not those of the web action. */
  readonly without: ReadonlySet<string>;
  /** Names and values by turns. */
  readonly headers: readonly string[];
  /** The last list, and what became of it. */
  last: { readonly from: readonly string[]; readonly to: readonly string[] } | null;
}

const all = ["allow-origin", "allow-methods", "allow-headers", "allow-credentials", "expose-headers", "max-age"];
const inNames = (names: readonly string[]) => new Set(names.map((name) => `access-control-${name}`));
const replaced = inNames(["allow-origin", "allow-methods", "allow-credentials"]);

/** Of what belongs to no API. */
export const untouched: Cors = { without: new Set(), headers: [], last: null };
/** Of an API that no other origin's page may read. */
export const notShared: Cors = { without: inNames(all), headers: [], last: null };

export function corsOf(request: Pick<HttpRequest, "header">): Cors {
  const origin = request.header("origin");
  const headers = ["Access-Control-Allow-Origin", origin ?? "*", ...sharing];
  // Caches must not give one origin's answer to another.
  if (origin !== undefined) headers.push("Vary", "Origin");
  return { without: replaced, headers, last: null };
}

const sharing = [
  "Access-Control-Allow-Methods",
  "GET, POST, PUT, DELETE, PATCH, HEAD, OPTIONS",
  "Access-Control-Allow-Credentials",
  "true",
];

/** What a page is told before it asks. */
export function preflightOf(request: Pick<HttpRequest, "header">): GatewayAnswer {
  const asked = request.header("access-control-request-headers");
  return asked === undefined ? preflight : { ...preflight, headers: ["Access-Control-Allow-Headers", asked] };
}

/** An answer with these headers. */
export class SharedResponse implements HttpResponse {
  readonly #response: HttpResponse;
  readonly #cors: Cors;

  constructor(response: HttpResponse, cors: Cors) {
    this.#response = response;
    this.#cors = cors;
  }

  send(status: number, headers: readonly string[], body: Buffer | string): void {
    this.#response.send(status, withCors(headers, this.#cors), body);
  }

  stream(status: number, headers: readonly string[], body: BodySource, done: (error?: Error) => void): void {
    this.#response.stream(status, withCors(headers, this.#cors), body, done);
  }

  streamAlike(
    status: number,
    headers: readonly string[],
    own: readonly string[],
    body: BodySource,
    done: (error?: Error) => void,
  ): void {
    const shared = this.#alike(headers);
    if (this.#response.streamAlike === undefined) this.#response.stream(status, [...shared, ...own], body, done);
    else this.#response.streamAlike(status, shared, own, body, done);
  }

  sendAlike(status: number, headers: readonly string[], own: readonly string[], body: string): void {
    const shared = this.#alike(headers);
    if (this.#response.sendAlike === undefined) this.#response.send(status, [...shared, ...own], body);
    else this.#response.sendAlike(status, shared, own, body);
  }

  #alike(headers: readonly string[]): readonly string[] {
    const cors = this.#cors;
    if (cors.last?.from !== headers) cors.last = { from: headers, to: withCors(headers, cors) };
    return cors.last.to;
  }
}

function withCors(headers: readonly string[], { without, headers: added }: Cors): readonly string[] {
  return [...headersWithout(headers, without), ...added];
}
