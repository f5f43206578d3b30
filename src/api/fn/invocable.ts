import { sandboxDocument } from "../../http/function-origin.ts";
import { credentialHeaders, endToEndHeaders } from "../../http/headers.ts";
import type { HttpRequest } from "../../http/http.ts";
import type { FunctionReference } from "../../invocation/invocation.ts";
import type { HttpOrigin } from "../../protocol/protocol.ts";
import type { FnContext } from "./fn.ts";
import { invokeHeaders, triggerHeaders } from "./headers.ts";

/** What a request asks to be invoked, and what of an answer's headers its caller sees. The same for requests with equal heads. */
export class Invocable {
  readonly target: FunctionReference;
  readonly headers: readonly string[];
  readonly http: HttpOrigin | null;
  readonly detached: boolean;
  readonly #isSandboxed: boolean;
  /** Of the last answer: mostly the next one has the same list. */
  #status = 0;
  #given: readonly string[] | null = null;
  #visible: readonly string[] = [];

  constructor({ functionOrigin }: FnContext, request: HttpRequest, target: FunctionReference, http: HttpOrigin | null) {
    this.target = target;
    this.http = http;
    // On loopback the Authorization of a route is between the client and the function; everywhere else it is the platform's.
    this.headers = endToEndHeaders(request.headers, http !== null && request.loopback ? undefined : credentialHeaders);
    this.detached = http === null && request.header("fn-invoke-type") === "detached";
    this.#isSandboxed = functionOrigin !== "shared";
  }

  /** The headers of an answer that the caller sees, besides the call's id. */
  visible(status: number, given: readonly string[]): readonly string[] {
    if (given === this.#given && status === this.#status) return this.#visible;
    const visible = this.http === null ? invokeHeaders(status, given) : triggerHeaders(given);
    if (this.#isSandboxed) sandboxDocument(visible);
    this.#visible = visible;
    this.#given = given;
    this.#status = status;
    return visible;
  }
}
