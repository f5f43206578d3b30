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
  /** The peer is this machine and the listener is bound to loopback, or the operator trusts its address as much. */
  readonly loopback: boolean;
  /** Its bytes are not HTTP, or came too slowly: nothing more is read from it. */
  broken = false;
  #gone: PlatformError | null = null;
  // Requests without a complete answer. Only a client that pipelines has a second one, and a set costs a kilobyte each time it is emptied.
  #oldest: RunningExchange | null = null;
  #more: Set<RunningExchange> | null = null;

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

  /** A request has come. */
  begin(exchange: RunningExchange): void {
    if (this.#oldest === null && this.#more === null) this.#oldest = exchange;
    else (this.#more ??= new Set()).add(exchange);
  }

  /** Its answer is complete, or will never be; false: that was said already. */
  end(exchange: RunningExchange): boolean {
    if (this.#oldest === exchange) {
      this.#oldest = null;
      return true;
    }
    if (this.#more === null) return false;
    const known = this.#more.delete(exchange);
    if (this.#more.size === 0) this.#more = null;
    return known;
  }

  /** Oldest first. */
  get exchanges(): readonly RunningExchange[] {
    return this.#oldest === null ? [...(this.#more ?? [])] : [this.#oldest, ...(this.#more ?? [])];
  }

  /** Answers from now on say `Connection: close`. */
  drain(): void {
    for (const exchange of this.exchanges) exchange.closeAfter();
  }

  get newest(): RunningExchange | undefined {
    return this.exchanges.at(-1);
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
