import type { CancelSignal } from "../../lib/cancel.ts";
import type { Duplex } from "node:stream";
import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import type { BodySource } from "../../lib/body.ts";
import { headerLines, requestLine } from "../../wire/http1-request.ts";
import { Http1Error } from "../../wire/http1-error.ts";
import { ConnectionPool } from "../connection-pool.ts";
import { allHeaders, connectionListed, isHopByHop, lowerName } from "../headers.ts";
import type { Dial, FunctionRequest, FunctionResponse, Session, SessionCaller } from "../protocol.ts";

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
    return new Promise((resolve, reject) => {
      const answered = (status: number, headers: readonly string[], body: BodySource) => resolve({ status, headers, body });
      this.begin(request, signal, { answered, failed: reject });
    });
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
  const headers = endToEnd(allHeaders(request));
  if (!hasHost(headers)) headers.unshift("Host", "localhost");
  return requestLine(method, request.http?.target ?? "/") + headerLines(headers);
}

/** Without the headers that concern one connection only. */
function endToEnd(given: readonly string[]): string[] {
  const listed = connectionListed(given);
  const headers: string[] = [];
  for (let i = 0; i < given.length; i += 2) {
    const name = given[i] as string;
    const lower = lowerName(name);
    if (!isHopByHop(lower) && !listed.has(lower)) headers.push(name, given[i + 1] as string);
  }
  return headers;
}

function hasHost(headers: readonly string[]): boolean {
  for (let i = 0; i < headers.length; i += 2) if (lowerName(headers[i] as string) === "host") return true;
  return false;
}

/** Any status is an answer. The body tells its length itself, except where there is a length and no body. */
function answerHeaders(method: string, status: number, given: readonly string[]): string[] {
  const headers = endToEnd(given);
  return method === "HEAD" || status === 304 ? headers : withoutLength(headers);
}

function withoutLength(headers: string[]): string[] {
  for (let i = headers.length - 2; i >= 0; i -= 2) {
    if (lowerName(headers[i] as string) === "content-length") headers.splice(i, 2);
  }
  return headers;
}
