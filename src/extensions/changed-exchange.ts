/** A request with another header, and a response with one more, around those of the listener. */
import { headerOf } from "../http/headers.ts";
import type { HttpRequest, HttpResponse } from "../http/http.ts";
import type { BodySource } from "../lib/body.ts";
import type { CancelSignal } from "../lib/cancel.ts";

/** The header is set in the place of those of its name. It has no `notes`: equal heads may have got other headers. */
export class ChangedRequest implements HttpRequest {
  readonly headers: readonly string[];
  readonly #request: HttpRequest;

  constructor(request: HttpRequest, name: string, value: string) {
    this.#request = request;
    const lower = name.toLowerCase();
    const { headers } = request;
    const kept: string[] = [];
    for (let i = 0; i < headers.length; i += 2) {
      if ((headers[i] as string).toLowerCase() !== lower) kept.push(headers[i] as string, headers[i + 1] as string);
    }
    this.headers = [...kept, name, value];
  }

  header(name: string): string | undefined {
    return headerOf(this.headers, name);
  }

  get method(): string {
    return this.#request.method;
  }

  get target(): string {
    return this.#request.target;
  }

  get path(): string {
    return this.#request.path;
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
}

/** Adds the header to whatever is answered. */
export class ExtendedResponse implements HttpResponse {
  readonly #response: HttpResponse;
  readonly #own: readonly string[];

  constructor(response: HttpResponse, name: string, value: string) {
    this.#response = response;
    this.#own = [name, value];
  }

  send(status: number, headers: readonly string[], body: Buffer | string): void {
    this.#response.send(status, [...headers, ...this.#own], body);
  }

  stream(status: number, headers: readonly string[], body: BodySource, done: (error?: Error) => void): void {
    this.#response.stream(status, [...headers, ...this.#own], body, done);
  }
}
