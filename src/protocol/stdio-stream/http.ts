import type { Duplex } from "node:stream";
import { type BodySource, readBody } from "../../lib/body.ts";
import type { CancelSignal } from "../../lib/cancel.ts";
import { PlatformError } from "../../model/error.ts";
import { limits } from "../../model/limits.ts";
import { atomicWriteBytes, Http1Client, type Http1Watcher } from "../../wire/http1-client.ts";
import { Http1Error } from "../../wire/http1-error.ts";
import { headerLines, requestLine } from "../../wire/http1-request.ts";
import { framing, type Http1ResponseHead } from "../../wire/http1-response.ts";
import { gatherBody } from "../gathered-body.ts";
import { allHeaders, rfc3339 } from "../headers.ts";
import { http1Failure } from "../http1-failure.ts";
import { answerHeaders, requestHeaders } from "../plain-http.ts";
import type { FunctionRequest, FunctionResponse, Session, SessionHooks } from "../protocol.ts";
import { requestUrl } from "./request-url.ts";

/** A program that speaks HTTP/1.1 over STDIN and STDOUT. `Connection: close` in an answer means that it was its last. */
export class HttpFormatSession implements Session, Http1Watcher {
  readonly #client: Http1Client;
  readonly #hooks: SessionHooks;
  #signal: CancelSignal | null = null;
  #usable = true;

  constructor(stream: Duplex, hooks: SessionHooks) {
    this.#hooks = hooks;
    this.#client = new Http1Client(stream, limits, this);
  }

  get usable(): boolean {
    return this.#usable;
  }

  async call(request: FunctionRequest, signal: CancelSignal): Promise<FunctionResponse> {
    const method = request.http?.method ?? "POST";
    const lines = linesOf(method, request);
    // The format promises a Content-Length, so a body of unknown length is read first.
    const isKnown = request.body.bytes !== undefined;
    const body = isKnown ? gatherBody(request.body, atomicWriteBytes) : await readBody(request.body, bytesMax, tooLarge);
    try {
      return await this.#exchange(method, lines, body, signal);
    } catch (error) {
      if (error instanceof Http1Error && error.kind === "unsent" && !Buffer.isBuffer(body)) body.cancel();
      throw http1Failure(error as Error);
    }
  }

  #exchange(method: string, lines: string, body: Buffer | BodySource, signal: CancelSignal): Promise<FunctionResponse> {
    return new Promise((resolve, reject) => {
      this.#signal = signal;
      signal.addEventListener("abort", this);
      this.#client.begin(method, lines, body, {
        answered: (head, content) => {
          const { status } = head;
          if (head.framing === framing.untilClose) reject(this.#endless(head));
          else resolve({ status, headers: answerHeaders(method, status, head.headers), body: content });
        },
        failed: reject,
      });
      // An aborted signal tells nobody any more.
      if (signal.aborted) this.handleEvent();
    });
  }

  /** The signal aborts. */
  handleEvent(): void {
    this.#client.close(this.#signal?.reason as Error | undefined);
  }

  #endless({ status }: Http1ResponseHead): PlatformError {
    const message = `The program's answer of status ${status} has neither Content-Length nor Transfer-Encoding: chunked, so nobody can tell where it ends`;
    const error = new PlatformError("function_protocol", message);
    this.#client.close(error);
    return error;
  }

  idle(): void {
    this.#forgetSignal();
  }

  closed(_client: Http1Client, error: Error | null): void {
    this.#forgetSignal();
    if (!this.#usable) return;
    this.#usable = false;
    if (error instanceof Http1Error && error.kind === "garbage") {
      this.#hooks.log(null, { stream: "platform", text: `${error.message}; its sandbox is ended` });
    }
    this.#hooks.closed?.();
  }

  failure(error: Http1Error): Error {
    return http1Failure(error);
  }

  close(): void {
    this.#usable = false;
    this.#client.close();
  }

  #forgetSignal(): void {
    this.#signal?.removeEventListener("abort", this);
    this.#signal = null;
  }
}

/** The head but for the lines about its length. */
function linesOf(method: string, request: FunctionRequest): string {
  try {
    return requestLines(method, request);
  } catch (error) {
    request.body.cancel();
    throw error;
  }
}

/** What the platform says itself a caller cannot say. */
function requestLines(method: string, request: FunctionRequest): string {
  if (method === "CONNECT") throw new PlatformError("unsupported", "The method CONNECT cannot be passed to a function");
  const given = requestHeaders(allHeaders(request)).filter((_, i, all) => !isOurs(all[i - (i % 2)] as string));
  const ours = {
    Fn_call_id: request.callId,
    Fn_deadline: rfc3339(request.deadlineAt),
    Fn_method: method,
    Fn_request_url: requestUrl(request),
  };
  return requestLine(method, request.http?.target ?? "/") + headerLines([...given, ...Object.entries(ours).flat()]);
}

const isOurs = (name: string) => /^fn_(?:call_id|deadline|method|request_url)$/i.test(name);

const bytesMax = limits.requestBytesMax;
const tooLarge = () => new PlatformError("too_large", `The request's body is over the limit of ${bytesMax} bytes`);
