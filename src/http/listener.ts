import type { Server } from "node:http";
import { type AddressInfo, createServer, type Server as TcpServer, type Socket } from "node:net";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import { type HttpConfig, httpDefaults } from "./config.ts";
import { Connection, registerConnection } from "./connection.ts";
import { Front, type FrontParts } from "./front.ts";
import type { FastRoute } from "./http.ts";
import { isLoopbackAddress } from "./loopback.ts";
import { OwnFront } from "./own-front.ts";
import { portHolder } from "./port-holder.ts";
import { StallWatch } from "./stall.ts";

/** What a listener is made of. */
export interface ListenerParts {
  readonly world: World;
  readonly routes: readonly FastRoute[];
  /** The framework's server, which never listens itself (`framework.ts`). */
  readonly framework: Server;
  readonly config?: Partial<HttpConfig>;
  /** Hears of a handler that threw and of a socket that can't accept, which are for the platform's log. */
  readonly bug?: (error: unknown) => void;
}

/** Where a listener was bound. */
export interface Bound {
  readonly host: string;
  readonly port: number;
  /** Only this machine can reach it. */
  readonly loopback: boolean;
  readonly url: string;
}

/**
 * Owns the one port. It makes connections and hands them to the front; it knows nothing of what is said on them, so our own parser and
 * that of node:http can each stand there (docs/decisions/0003-one-port.md).
 */
export class Listener {
  readonly #parts: ListenerParts;
  readonly #config: HttpConfig;
  readonly #front: Front | OwnFront;
  readonly #tcp: TcpServer;
  readonly #open = new Map<Socket, { readonly connection: Connection; readonly stall: StallWatch }>();
  #stopSweeping: () => void = nothing;
  #loopback = false;
  #closing = false;

  constructor(parts: ListenerParts) {
    this.#parts = parts;
    this.#config = { ...httpDefaults, ...parts.config };
    const { world, routes, framework } = parts;
    const front: FrontParts = { world, routes, framework, config: this.#config, bug: (error) => this.#bug(error) };
    this.#front = this.#config.front === "own" ? new OwnFront(front) : new Front(front);
    // Half-open like node:http's own server: it decides when our side ends.
    this.#tcp = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
    this.#tcp.maxConnections = this.#config.connectionsMax;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#open.size;
  }

  /** Port 0 takes a free one. Throws `conflict` naming the holder of a taken port, `invalid` when the address can't be had. */
  async listen(address: { readonly host: string; readonly port: number }): Promise<Bound> {
    try {
      await listening(this.#tcp, address);
    } catch (error) {
      this.#front.close();
      throw await cannotListen(address, error as NodeJS.ErrnoException);
    }
    this.#tcp.on("error", (error) => this.#bug(error));
    this.#sweepLater();
    const bound = this.#tcp.address() as AddressInfo;
    this.#loopback = isLoopbackAddress(bound.address);
    const shown = bound.family === "IPv6" ? `[${bound.address}]` : bound.address;
    return { host: bound.address, port: bound.port, loopback: this.#loopback, url: `http://${shown}:${bound.port}` };
  }

  /** Accepts nothing more, lets running requests end, and after `graceMs` cuts what is left. */
  async close(graceMs: number): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    const closed = new Promise<void>((resolve) => {
      this.#tcp.close(() => resolve());
    });
    for (const [socket, { connection }] of this.#open) {
      // Whoever has sent nothing yet is as good as not connected.
      if (socket.bytesRead === 0) socket.destroy();
      else connection.drain();
    }
    this.#front.drain();
    const stopWaiting = this.#closeIdleUntil(graceMs);
    await closed;
    stopWaiting();
    this.#stopSweeping();
    this.#front.close();
  }

  #accept(socket: Socket): void {
    // Reset before it was accepted.
    if (socket.remoteAddress === undefined) return void socket.destroy();
    const peer = socket.remoteAddress;
    const connection = new Connection(peer, this.#loopback && isLoopbackAddress(peer));
    registerConnection(socket, connection);
    this.#open.set(socket, { connection, stall: new StallWatch(socket) });
    socket.once("end", () => connection.lost());
    socket.once("close", () => {
      this.#open.delete(socket);
      connection.lost();
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

function listening(server: TcpServer, address: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: address.host, port: address.port, backlog: 4096 }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function nothing(): void {}

async function cannotListen(address: { host: string; port: number }, error: NodeJS.ErrnoException): Promise<PlatformError> {
  const where = `${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
  if (error.code === "EADDRINUSE") {
    const holder = (await portHolder(address.port)) ?? "another process";
    return new PlatformError(
      "conflict",
      `${where} is taken by ${holder}. Stop it, or choose another port with --listen HOST:PORT`,
      {
        details: { port: address.port },
        cause: error,
      },
    );
  }
  const why =
    error.code === "EACCES"
      ? "ports below 1024 need more rights"
      : error.code === "EADDRNOTAVAIL" || error.code === "ENOTFOUND"
        ? "this machine has no such address"
        : (error.code ?? error.message);
  return new PlatformError("invalid", `Can't listen on ${where}: ${why}. Choose another with --listen HOST:PORT`, {
    cause: error,
  });
}
