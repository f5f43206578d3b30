import type { Server } from "node:http";
import { createServer, type Server as TcpServer, type Socket } from "node:net";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import { bind, type Bound, type ListenAddress } from "./bind.ts";
import { type HttpConfig, httpDefaults } from "./config.ts";
import { Connection, registerConnection } from "./connection.ts";
import { type ConnectionReader, Front } from "./front.ts";
import type { FastRoute } from "./http.ts";
import { isLoopbackAddress } from "./loopback.ts";
import { OwnFront } from "./own-front.ts";
import { StallWatch } from "./stall.ts";

/** What a listener is made of. */
export interface ListenerParts {
  readonly world: World;
  readonly routes: readonly FastRoute[];
  /** The framework's server, which never listens itself (`framework.ts`). Absent where `elsewhere` is given. */
  readonly framework?: Server;
  /** Takes connections at the first request that is for no fast route. (Default: a reader that knows the framework) */
  readonly elsewhere?: ConnectionReader;
  readonly config?: Partial<HttpConfig>;
  /** Hears of a handler that threw and of a socket that can't accept, which are for the platform's log. */
  readonly bug?: (error: unknown) => void;
}

/**
 * Owns the one port. It makes connections and hands them to the front; it knows nothing of what is said on them, so our own parser and
 * that of node:http can each stand there (docs/decisions/0003-one-port.md).
 */
export class Listener {
  readonly #parts: ListenerParts;
  readonly #config: HttpConfig;
  readonly #front: ConnectionReader;
  readonly #tcp: TcpServer;
  readonly #open = new Map<Socket, { readonly connection: Connection; readonly stall: StallWatch }>();
  #stopSweeping: () => void = nothing;
  #loopback = false;
  #closing = false;
  #accepted = 0;
  #emptied: () => void = nothing;

  constructor(parts: ListenerParts) {
    this.#parts = parts;
    this.#config = { ...httpDefaults, ...parts.config };
    const { world, routes } = parts;
    const front = { world, routes, config: this.#config, bug: (error: unknown) => this.#bug(error) };
    const elsewhere = parts.elsewhere ?? new Front({ ...front, framework: parts.framework as Server });
    this.#front = this.#config.front === "own" ? new OwnFront(front, elsewhere) : elsewhere;
    // Half-open like node:http's own server: it decides when our side ends.
    this.#tcp = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
    this.#tcp.maxConnections = this.#config.connectionsMax;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#open.size;
  }

  /** Connections that came since the start. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Port 0 takes a free one. Throws `conflict` naming the holder of a taken port, `invalid` when the address can't be had. */
  async listen(address: ListenAddress): Promise<Bound> {
    let bound: Bound;
    try {
      bound = await bind(this.#tcp, address);
    } catch (error) {
      this.#front.close();
      throw error;
    }
    this.#tcp.on("error", (error) => this.#bug(error));
    this.#loopback = bound.loopback;
    this.#sweepLater();
    return bound;
  }

  /** Serves a connection that somebody else has accepted. Of a listener that does not listen itself. */
  adopt(socket: Socket, { peer, loopback }: { readonly peer: string; readonly loopback: boolean }): void {
    if (this.#closing) return void socket.destroy();
    if (this.#accepted === 0) this.#sweepLater();
    this.#take(socket, peer, loopback);
  }

  /** Accepts nothing more, lets running requests end, and after `graceMs` cuts what is left. */
  async close(graceMs: number): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    const closed = new Promise<void>((resolve) => {
      this.#tcp.close(() => resolve());
    });
    const emptied = this.#open.size === 0 ? closed : new Promise<void>((resolve) => (this.#emptied = resolve));
    for (const [socket, { connection }] of this.#open) {
      // Whoever has sent nothing yet is as good as not connected.
      if (socket.bytesRead === 0) socket.destroy();
      else connection.drain();
    }
    this.#front.drain();
    const stopWaiting = this.#closeIdleUntil(graceMs);
    await Promise.all([closed, emptied]);
    stopWaiting();
    this.#stopSweeping();
    this.#front.close();
  }

  #accept(socket: Socket): void {
    // Reset before it was accepted.
    if (socket.remoteAddress === undefined) return void socket.destroy();
    const peer = socket.remoteAddress;
    this.#take(socket, peer, (this.#loopback && isLoopbackAddress(peer)) || this.#isTrusted(peer));
  }

  #isTrusted(peer: string): boolean {
    const { trustedPeers } = this.#config;
    return trustedPeers.length > 0 && trustedPeers.includes(peer.startsWith("::ffff:") ? peer.slice(7) : peer);
  }

  #take(socket: Socket, peer: string, loopback: boolean): void {
    this.#accepted++;
    const connection = new Connection(peer, loopback);
    registerConnection(socket, connection);
    this.#open.set(socket, { connection, stall: new StallWatch(socket) });
    socket.once("end", () => connection.lost());
    socket.once("close", () => {
      this.#open.delete(socket);
      connection.lost();
      if (this.#open.size === 0) this.#emptied();
    });
    this.#front.accept(socket);
  }

  /** One timer for all connections: what takes too long is looked for, not waited for. */
  #sweepLater(): void {
    const { world } = this.#parts;
    this.#stopSweeping = world.after(this.#config.checkIntervalMs, () => {
      const nowMs = world.monotonic();
      for (const [socket, { connection, stall }] of this.#open) {
        if (stall.stalledMs(nowMs) >= this.#config.stallTimeoutMs) this.#cutStalled(socket, connection);
      }
      this.#front.sweep(nowMs);
      this.#sweepLater();
    });
  }

  /** A client that reads nothing for too long is cut, so that it can't hold a sandbox or memory. */
  #cutStalled(socket: Socket, connection: Connection): void {
    const { stallTimeoutMs } = this.#config;
    connection.lost(new PlatformError("cancelled", `The client read nothing of the answer for ${stallTimeoutMs} ms`));
    socket.destroy();
  }

  /** An answer that began before the end was announced leaves its connection open: looked for until the grace time is over. */
  #closeIdleUntil(graceMs: number): () => void {
    const { world } = this.#parts;
    const endsAt = world.monotonic() + graceMs;
    let callOff: () => void = nothing;
    const look = () => {
      const leftMs = endsAt - world.monotonic();
      if (leftMs > 0) {
        this.#front.closeIdle();
        callOff = world.after(Math.min(leftMs, 25), look);
      } else {
        for (const socket of this.#open.keys()) socket.destroy();
      }
    };
    callOff = world.after(Math.min(graceMs, 25), look);
    return () => callOff();
  }

  #bug(error: unknown): void {
    this.#parts.bug?.(error);
  }
}

function nothing(): void {}
