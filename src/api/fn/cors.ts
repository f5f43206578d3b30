/**
 * Which pages of other origins may use the API and the functions: nobody's, until origins are configured.
 *
 * As with Fn's `FN_API_CORS_ORIGINS` a page of another origin than those is refused with 403, and OPTIONS of an allowed one is answered
 * at once. Besides, this server's own pages need no entry, and the origin `null`, which pages of functions have, is never allowed.
 */
import type { BodySource } from "../../lib/body.ts";
import type { Handler, HttpRequest, HttpResponse } from "../../http/http.ts";
import { status } from "./errors.ts";

export interface CorsSettings {
  /** Origins such as `https://app.example`; with `*` as the first one all of them; none: requests are served without a look. */
  readonly origins: readonly string[];
  /** Headers that pages may send; none: Origin, Content-Length and Content-Type. */
  readonly headers: readonly string[];
}

const methods = "GET,POST,PUT,HEAD,DELETE";
const plainHeaders = ["Origin", "Content-Length", "Content-Type"];
/** How long a browser may remember what OPTIONS said. */
const ageSeconds = 12 * 60 * 60;

/** The handler for browsers too. `ownOrigin`: scheme and authority under which the caller reaches us. */
export function withCors(settings: CorsSettings, ownOrigin: (request: HttpRequest) => string, handler: Handler): Handler {
  const { origins } = settings;
  if (origins.length === 0) return handler;
  const all = origins[0] === "*";
  const listed = new Set(origins.map((origin) => origin.toLowerCase()));
  return (request, response) => {
    const origin = request.header("origin");
    if (!origin || origin === ownOrigin(request).replace(/\/+$/, "")) return handler(request, response);
    if (origin === "null" || !(all || listed.has(origin))) return end(request, response, status.forbidden, []);
    if (request.method === "OPTIONS") return end(request, response, status.ok, preflight(settings, all, origin));
    handler(request, new OpenResponse(response, all ? anyone : only(origin)));
  };
}

const anyone = ["Access-Control-Allow-Origin", "*"];
const only = (origin: string) => ["Vary", "Origin", "Access-Control-Allow-Origin", origin];

function preflight({ headers }: CorsSettings, all: boolean, origin: string): string[] {
  const allowed = (headers.length > 0 ? headers : plainHeaders).map(canonical).join(",");
  const common = [
    "Access-Control-Allow-Methods",
    methods,
    "Access-Control-Allow-Headers",
    allowed,
    "Access-Control-Max-Age",
    String(ageSeconds),
  ];
  if (all) return [...common, ...anyone];
  const asked = ["Vary", "Access-Control-Request-Method", "Vary", "Access-Control-Request-Headers"];
  return [...common, ...only(origin), ...asked];
}

function canonical(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (letters) => letters.toUpperCase());
}

function end(request: HttpRequest, response: HttpResponse, number: number, headers: readonly string[]): void {
  request.body.cancel();
  response.send(number, headers, "");
}

/** An answer that a page of another origin may read. */
class OpenResponse implements HttpResponse {
  readonly #response: HttpResponse;
  readonly #added: readonly string[];

  constructor(response: HttpResponse, added: readonly string[]) {
    this.#response = response;
    this.#added = added;
  }

  send(number: number, headers: readonly string[], body: Buffer | string): void {
    this.#response.send(number, [...headers, ...this.#added], body);
  }

  stream(number: number, headers: readonly string[], body: BodySource, done: (error?: Error) => void): void {
    this.#response.stream(number, [...headers, ...this.#added], body, done);
  }
}
