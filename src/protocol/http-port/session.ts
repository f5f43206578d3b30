import type { CancelSignal } from "../../lib/cancel.ts";
import type { Duplex } from "node:stream";
import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import { headerLines, requestLine } from "../../wire/http1-request.ts";
import { Http1Error } from "../../wire/http1-error.ts";
import { ConnectionPool } from "../connection-pool.ts";
import { allHeaders } from "../headers.ts";
import { answerHeaders, requestHeaders } from "../plain-http.ts";
import type { Dial, FunctionRequest, FunctionResponse, Session, SessionCaller } from "../protocol.ts";
import { promisedCall } from "../promised-call.ts";

/** Shorter than the keep-alive time of every common server (Gunicorn has the shortest, 2 s), so that we close first. */
const idleMsMax = 1500;

/** One running HTTP server, with a connection for each call that runs. */
export class HttpPortSession implements Session {
  readonly #pool: ConnectionPool;
  #usable = true;

  /** `stream`: a connection that is open and unused. */
  constructor(stream: Duplex, dial: Dial, world: World) {
    const broken = (error: Error) => {
      // Closing a connection is a server's right; speaking something else on it is not.
      if (error instanceof Http1Error && error.kind === "garbage") this.#usable = false;
    };
    this.#pool = new ConnectionPool({ dial, world, idleMsMax, connectionsMax: Number.POSITIVE_INFINITY, broken });
    this.#pool.add(stream);
  }

  get usable(): boolean {
    return this.#usable;
  }

  call(request: FunctionRequest, signal: CancelSignal): Promise<FunctionResponse> {
    return promisedCall((caller) => this.begin(request, signal, caller));
  }

  begin(request: FunctionRequest, signal: CancelSignal, caller: Pick<SessionCaller, "answered" | "failed">): void {
    const method = request.http?.method ?? "POST";
    let lines: string;
    try {
      lines = requestLines(method, request);
    } catch (error) {
      request.body.cancel();
      caller.failed(error);
      return;
    }
    this.#pool.begin(method, lines, request.body, signal, {
      answered: ({ status, headers }, body) => caller.answered(status, answerHeaders(method, status, headers), body),
      failed: (error) => caller.failed(error),
    });
  }

  close(): void {
    this.#usable = false;
    this.#pool.close();
  }
}

/** The head but for the lines about its length. */
function requestLines(method: string, request: FunctionRequest): string {
  if (method === "CONNECT") throw new PlatformError("unsupported", "The method CONNECT cannot be passed to a function");
  return requestLine(method, request.http?.target ?? "/") + headerLines(requestHeaders(allHeaders(request)));
}
