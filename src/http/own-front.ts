import type { Socket } from "node:net";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import { HeadTable } from "../wire/http1-head-table.ts";
import type { RequestHead, RequestLimits } from "../wire/http1-server-head.ts";
import { DateLine } from "./answer-head.ts";
import type { HttpConfig } from "./config.ts";
import { type Connection, connectionOf } from "./connection.ts";
import { type ConnectionReader, type FrontParts, matching } from "./front.ts";
import type { FastRoute } from "./http.ts";
import { bodyTooLarge } from "./node-body.ts";
import { KnownRequest } from "./known-request.ts";
import { OwnConnection, type OwnContext } from "./own-connection.ts";
import type { OwnExchange } from "./own-exchange.ts";
import { siteGuard } from "./site.ts";

/**
 * Reads connections with our own parser as long as their requests match a fast route. At the first that does not, the connection and
 * the bytes read of it go elsewhere, mostly to the front on node:http, until it closes (docs/decisions/0008-own-front.md).
 */
export class OwnFront implements OwnContext, ConnectionReader {
  readonly world: World;
  readonly config: HttpConfig;
  readonly limits: RequestLimits;
  readonly date: DateLine;
  readonly keepAliveLines: string;
  readonly #parts: Omit<FrontParts, "framework">;
  readonly #elsewhere: ConnectionReader;
  readonly #guard: ReturnType<typeof siteGuard>;
  readonly #lines = new Set<OwnConnection>();
  readonly heads = new HeadTable();
  #draining = false;

  constructor(parts: Omit<FrontParts, "framework">, elsewhere: ConnectionReader) {
    this.#parts = parts;
    this.world = parts.world;
    this.config = parts.config;
    const { lineBytesMax, headerBytesMax, headerCountMax, publicNames, pageOrigins } = parts.config;
    this.limits = { lineBytesMax, headerBytesMax, headerCountMax };
    this.date = new DateLine(parts.world);
    this.keepAliveLines = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(parts.config.keepAliveTimeoutMs / 1000)}\r\n`;
    this.#guard = siteGuard(publicNames, pageOrigins);
    this.#elsewhere = elsewhere;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Takes a connection. */
  accept(socket: Socket): void {
    this.#lines.add(new OwnConnection(socket, connectionOf(socket) as Connection, this));
  }

  /** From now on each answer is the last of its connection. */
  drain(): void {
    this.#draining = true;
    for (const line of this.#lines) line.closeIdle();
    this.#elsewhere.drain();
  }

  /** Closes connections on which nothing is going on. */
  closeIdle(): void {
    for (const line of this.#lines) line.closeIdle();
    this.#elsewhere.closeIdle();
  }

  /** Ends what takes too long. */
  sweep(nowMs: number): void {
    for (const line of this.#lines) line.sweep(nowMs);
  }

  /** Stops the watching of timeouts. */
  close(): void {
    this.#elsewhere.close();
  }

  /** For connections of this front only. */
  serve(head: RequestHead, line: OwnConnection): boolean {
    const known = this.#knownOf(head);
    if (known === null) return false;
    const exchange = line.open(head, known);
    const refused = this.#problem(head, line.connection, known.route);
    if (refused !== undefined) exchange.refuseUnread(refused);
    else this.#handle(known.route, exchange);
    return true;
  }

  /** For connections of this front only. */
  handOver(line: OwnConnection, socket: Socket, bytes: Buffer): void {
    this.#lines.delete(line);
    // Not flowing, what is put back waits for its new reader.
    socket.pause();
    socket.unshift(bytes);
    this.#elsewhere.accept(socket);
    socket.resume();
  }

  /** For connections of this front only. */
  closed(line: OwnConnection): void {
    this.#lines.delete(line);
  }

  /** Null where no fast route is meant. */
  #knownOf(head: RequestHead): KnownRequest | null {
    if (head.known !== null) return head.known as KnownRequest;
    // Another protocol, or an expectation of which we know nothing.
    if (head.upgrade || head.expect === "unknown") return null;
    const route = matching(this.#parts.routes, head, this.config.hostsBelow);
    if (route === undefined) return null;
    const known = new KnownRequest(route);
    head.known = known;
    return known;
  }

  #problem(head: RequestHead, connection: Connection, route: FastRoute): PlatformError | undefined {
    if (connection.loopback && !head.authorized && route.open !== true) {
      const refused = this.#guard(head);
      if (refused !== undefined) return refused;
    }
    return head.framing > this.config.bodyBytesMax ? bodyTooLarge(this.config.bodyBytesMax) : undefined;
  }

  #handle(route: FastRoute, exchange: OwnExchange): void {
    try {
      route.handler(exchange, exchange);
    } catch (error) {
      this.#parts.bug(error);
      exchange.refuse(new PlatformError("internal", "Internal error"));
    }
  }
}
