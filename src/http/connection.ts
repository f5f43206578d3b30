import type { Socket } from "node:net";
import type { PlatformError } from "../model/error.ts";
import { clientGone } from "./node-http.ts";

/** A request that is being answered, as its connection sees it. */
export interface RunningExchange {
  /** The whole request has arrived. */
  readonly complete: boolean;
  /** The client is away. */
  abandon(reason: PlatformError): void;
  /** The rest of the request will not come. */
  receiveFailed(error: PlatformError): void;
  /** The answer is to be the last one of its connection. */
  closeAfter(): void;
}

/** One client's connection, whichever server reads it: who is there, and which requests are on their way. */
export class Connection {
  readonly peer: string;
  /** The peer is this machine and the listener is bound to loopback. */
  readonly loopback: boolean;
  /** Requests without a complete answer, oldest first: more than one when the client pipelines. */
  readonly exchanges = new Set<RunningExchange>();
  /** Its bytes are not HTTP, or came too slowly: nothing more is read from it. */
  broken = false;
  #gone: PlatformError | null = null;
  /** For the next request that is asked for its signal: making one costs more than all else that a request makes. */
  #spareAbort: AbortController | null = null;

  constructor(peer: string, loopback: boolean) {
    this.peer = peer;
    this.loopback = loopback;
  }

  /** Why the client can't be answered any more; null while it can. */
  get gone(): PlatformError | null {
    return this.#gone;
  }

  /** The client closed its side or is away: nobody will read the answers. */
  lost(reason: PlatformError = clientGone()): void {
    if (this.#gone !== null) return;
    this.#gone = reason;
    for (const exchange of this.exchanges) exchange.abandon(this.#gone);
  }

  /** A controller that nobody else uses until it is given back. */
  takeAbort(): AbortController {
    const spare = this.#spareAbort ?? new AbortController();
    this.#spareAbort = null;
    return spare;
  }

  /** Nobody listens to its signal any more. */
  giveBackAbort(abort: AbortController): void {
    if (!abort.signal.aborted) this.#spareAbort = abort;
  }

  /** Answers from now on say `Connection: close`. */
  drain(): void {
    for (const exchange of this.exchanges) exchange.closeAfter();
  }

  get newest(): RunningExchange | undefined {
    let newest: RunningExchange | undefined;
    for (const exchange of this.exchanges) newest = exchange;
    return newest;
  }
}

const connections = new WeakMap<Socket, Connection>();

/** The connection that the listener made for a socket; undefined for one that it never saw (a request injected by a test). */
export function connectionOf(socket: Socket): Connection | undefined {
  return connections.get(socket);
}

/** Called by the listener only: what is registered here is trusted to be what it says. */
export function registerConnection(socket: Socket, connection: Connection): void {
  connections.set(socket, connection);
}
