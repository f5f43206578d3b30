/** A request as a web action gets it through an API. */
import { headerOf } from "../../../http/headers.ts";
import type { HttpRequest, RequestNotes } from "../../../http/http.ts";
import type { BodySource } from "../../../lib/body.ts";
import type { CancelSignal } from "../../../lib/cancel.ts";
import type { Operation } from "./compile.ts";

/** Its head, which equal requests share. */
export interface Forward {
  readonly method: string;
  readonly target: string;
  readonly path: string;
  /** Names and values by turns. */
  readonly headers: readonly string[];
  /** For who calls the web action. */
  readonly notes: RequestNotes;
}

/** `path`: where the web action is. */
export function forwardOf(request: HttpRequest, { method, headers: added }: Operation, path: string): Forward {
  const set = ["X-Forwarded-Url", urlOf(request), ...added];
  const replaced = new Set(set.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase()));
  const headers: string[] = [];
  for (let i = 0; i < request.headers.length; i += 2) {
    const name = request.headers[i] as string;
    if (!replaced.has(name.toLowerCase())) headers.push(name, request.headers[i + 1] as string);
  }
  headers.push(...set);
  const target = `${path}${request.target.slice(request.path.length)}`;
  return { method: method ?? request.method, target, path, headers, notes: { kept: undefined } };
}

/** What the caller asked for, as proxies before us tell it. */
function urlOf(request: HttpRequest): string {
  const told = (name: string) => request.header(`x-forwarded-${name}`) || undefined;
  const host = told("host") ?? request.header("host") ?? "";
  return `${told("proto") ?? "http"}://${host}${told("prefix") ?? ""}${told("uri") ?? request.target}`;
}

/** The head of the way, the body of the request. */
export class ForwardedRequest implements HttpRequest {
  readonly #request: HttpRequest;
  readonly #forward: Forward;

  constructor(request: HttpRequest, forward: Forward) {
    this.#request = request;
    this.#forward = forward;
  }

  get method(): string {
    return this.#forward.method;
  }

  get target(): string {
    return this.#forward.target;
  }

  get path(): string {
    return this.#forward.path;
  }

  get headers(): readonly string[] {
    return this.#forward.headers;
  }

  get notes(): RequestNotes {
    return this.#forward.notes;
  }

  get peer(): string {
    return this.#request.peer;
  }

  get loopback(): boolean {
    return this.#request.loopback;
  }

  get body(): BodySource {
    return this.#request.body;
  }

  get signal(): CancelSignal {
    return this.#request.signal;
  }

  header(name: string): string | undefined {
    return headerOf(this.#forward.headers, name);
  }
}
