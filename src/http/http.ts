/**
 * Listens, and hands each request to a handler.
 *
 * Promises: one request type and one response type for every door, whatever parsed the bytes; limits on headers, bodies and time
 * are kept before a handler hears of a request; a client that goes away aborts `signal`. This is the only room that opens
 * a TCP server socket. Deliberately absent: paths of any dialect (api/), and who may call (auth/).
 */
import type { CancelSignal } from "../lib/cancel.ts";
import type { BodySource } from "../lib/body.ts";

/** A function from request to response. Rejections are bugs: a handler renders its own errors. */
export type Handler = (request: HttpRequest, response: HttpResponse) => void;

/** A request as it came. Headers are looked up when asked for; nothing is copied before. */
export interface HttpRequest {
  readonly method: string;
  /** Path and query as sent, not decoded. */
  readonly target: string;
  /** `target` up to the question mark, not decoded. */
  readonly path: string;
  /** First value of a header; `name` in lower case. */
  header(name: string): string | undefined;
  /** Names and values by turns, as sent. */
  readonly headers: readonly string[];
  /** Where the handler keeps what follows from method, target and headers alone: requests that are equal in these share it. Absent: nothing is kept. */
  readonly notes?: RequestNotes;
  /** Address of the peer, for logs and the loopback rule. */
  readonly peer: string;
  /** The peer is this machine and the listener is bound to loopback, or the operator trusts its address as much. */
  readonly loopback: boolean;
  readonly body: BodySource;
  /** Aborts when the client is gone before the response has ended; the reason is a PlatformError `cancelled`. */
  readonly signal: CancelSignal;
}

/** See `HttpRequest.notes`. */
export interface RequestNotes {
  /** Undefined at first. */
  kept: unknown;
}

/** The answer. Exactly one of the methods, once. */
export interface HttpResponse {
  /** A whole answer. Headers are names and values by turns; Content-Length and Date are added. */
  send(status: number, headers: readonly string[], body: Buffer | string): void;
  /** A head and a body that follows; `done` hears when the last byte was written, or what kept it from being. */
  stream(status: number, headers: readonly string[], body: BodySource, done: (error?: Error) => void): void;
  /**
   * As `stream`, for a handler whose answers to equal requests look alike: while `headers` is the same list, and not only an equal one, it is
   * not looked at again. `own` are the headers that only this answer has; nobody looks whether HTTP allows them. Absent: nothing is gained by it.
   */
  streamAlike?(
    status: number,
    headers: readonly string[],
    own: readonly string[],
    body: BodySource,
    done: (error?: Error) => void,
  ): void;
  /** As `streamAlike`, of an answer that is a whole text. */
  sendAlike?(status: number, headers: readonly string[], own: readonly string[], body: string): void;
}

/** A part of the one port's path space that is served by a handler; everything else goes to the framework. */
export interface FastRoute {
  /** Begins with a slash, such as `/invoke/`. */
  readonly prefix: string;
  readonly handler: Handler;
  /** Where only part of what is below the prefix is meant (our own API's invoke paths). */
  readonly matches?: (method: string, path: string) => boolean;
  /** Takes the requests for hosts below the name that `HttpConfig.hostsBelow` has under this one, which go to such routes only, and no others. */
  readonly byHost?: string;
  /** What it gives is for everybody: pages of every site may ask, and it may have any name. */
  readonly open?: true;
}
