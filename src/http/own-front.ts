import type { Socket } from "node:net";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { RequestHead, RequestLimits } from "../wire/http1-server-head.ts";
import { DateLine } from "./answer-head.ts";
import type { HttpConfig } from "./config.ts";
import { type Connection, connectionOf } from "./connection.ts";
import { Front, type FrontParts, matching } from "./front.ts";
import type { FastRoute } from "./http.ts";
import { bodyTooLarge } from "./node-body.ts";
import { OwnConnection, type OwnContext } from "./own-connection.ts";
import type { OwnExchange } from "./own-exchange.ts";
import { siteGuard } from "./site.ts";

/**
 * Reads connections with our own parser as long as their requests match a fast route. At the first that does not, the connection and
 * the bytes read of it go to the front on node:http, which keeps it until it closes (docs/decisions/0008-own-front.md).
 */
export class OwnFront implements OwnContext {
  readonly world: World;
  readonly config: HttpConfig;
  readonly limits: RequestLimits;
  readonly date: DateLine;
  readonly keepAliveLines: string;
  readonly #parts: FrontParts;
  readonly #framework: Front;
  readonly #guard: ReturnType<typeof siteGuard>;
  readonly #lines = new Set<OwnConnection>();
  /** Where the last heads go: the same object comes again. */
  readonly #routes = new WeakMap<RequestHead, FastRoute>();
  #draining = false;

  constructor(parts: FrontParts) {
    this.#parts = parts;
    this.world = parts.world;
    this.config = parts.config;
    const { lineBytesMax, headerBytesMax, headerCountMax, publicNames } = parts.config;
    this.limits = { lineBytesMax, headerBytesMax, headerCountMax };
    this.date = new DateLine(parts.world);
    this.keepAliveLines = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(parts.config.keepAliveTimeoutMs / 1000)}\r\n`;
    this.#guard = siteGuard(publicNames);
    this.#framework = new Front(parts);
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
    this.#framework.drain();
  }

  /** Closes connections on which nothing is going on. */
  closeIdle(): void {
    for (const line of this.#lines) line.closeIdle();
    this.#framework.closeIdle();
  }

  /** Ends what takes too long. */
  sweep(nowMs: number): void {
    for (const line of this.#lines) line.sweep(nowMs);
  }

  /** Stops the watching of timeouts. */
  close(): void {
    this.#framework.close();
  }

  /** For connections of this front only. */
  serve(head: RequestHead, line: OwnConnection): boolean {
    const route = this.#routeOf(head);
    if (route === undefined) return false;
    const exchange = line.open(head);
    const refused = this.#problem(head, line.connection);
    if (refused !== undefined) exchange.refuseUnread(refused);
    else this.#handle(route, exchange);
    return true;
  }

  /** For connections of this front only. */
  handOver(line: OwnConnection, socket: Socket, bytes: Buffer): void {
    this.#lines.delete(line);
    // Not flowing, what is put back waits for its new reader.
    socket.pause();
    socket.unshift(bytes);
    this.#framework.accept(socket);
    socket.resume();
  }

  /** For connections of this front only. */
  closed(line: OwnConnection): void {
    this.#lines.delete(line);
  }

  #routeOf(head: RequestHead): FastRoute | undefined {
    const known = this.#routes.get(head);
    if (known !== undefined) return known;
    // Another protocol, or an expectation of which we know nothing.
    if (head.upgrade || head.expect === "unknown") return undefined;
    const route = matching(this.#parts.routes, head.method, head.path);
    if (route !== undefined) this.#routes.set(head, route);
    return route;
  }

  #problem(head: RequestHead, connection: Connection): PlatformError | undefined {
    if (connection.loopback && !head.authorized) {
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
