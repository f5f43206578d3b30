/** A request with another header, and a response with one more, around those of the listener. */
import { ChangedRequest } from "../http/changed-request.ts";
import { headersWithout } from "../http/headers.ts";
import type { HttpRequest, HttpResponse } from "../http/http.ts";
import type { BodySource } from "../lib/body.ts";

/** The header is set in the place of those of its name. The request has no `notes`: equal heads may have got other headers. */
export function withHeader(request: HttpRequest, name: string, value: string): HttpRequest {
  const { method, target, path } = request;
  const headers = [...headersWithout(request.headers, new Set([name.toLowerCase()])), name, value];
  return new ChangedRequest(request, { method, target, path, headers });
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
