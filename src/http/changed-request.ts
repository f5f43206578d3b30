import type { BodySource } from "../lib/body.ts";
import type { CancelSignal } from "../lib/cancel.ts";
import { headerOf } from "./headers.ts";
import type { HttpRequest, RequestNotes } from "./http.ts";

/** The part of a request that can be another one's. */
export type RequestHead = Pick<HttpRequest, "method" | "target" | "path" | "headers" | "notes">;

/** A request with another head; its body, its caller and its end are those of the one that came. */
export class ChangedRequest implements HttpRequest {
  readonly #request: HttpRequest;
  readonly #head: RequestHead;

  constructor(request: HttpRequest, head: RequestHead) {
    this.#request = request;
    this.#head = head;
  }

  get method(): string {
    return this.#head.method;
  }

  get target(): string {
    return this.#head.target;
  }

  get path(): string {
    return this.#head.path;
  }

  get headers(): readonly string[] {
    return this.#head.headers;
  }

  get notes(): RequestNotes | undefined {
    return this.#head.notes;
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
    return headerOf(this.#head.headers, name);
  }
}
