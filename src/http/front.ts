import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { HttpConfig } from "./config.ts";
import { type Connection, connectionOf } from "./connection.ts";
import { headerOf, type Scan, scanHeaders } from "./headers.ts";
import type { FastRoute, HttpRequest } from "./http.ts";
import { labelBelow } from "./host-label.ts";
import { endAndLinger } from "./linger.ts";
import { bodyTooLarge } from "./node-body.ts";
import { type ExchangeContext, NodeExchange } from "./node-http.ts";
import { rawRefusal } from "./refusal.ts";
import { headTooLarge, notHttp, requestTooSlow } from "./request-errors.ts";
import { siteGuard } from "./site.ts";

/** What a front serves. */
export interface FrontParts {
  readonly world: World;
  readonly config: HttpConfig;
  readonly routes: readonly FastRoute[];
  /** The framework's server. It never listens: it is given what no fast route matches. */
  readonly framework: Server;
  /** Hears of a handler that threw, which is a bug. */
  readonly bug: (error: unknown) => void;
}

/** Reads connections that the listener hands over. */
export interface ConnectionReader {
  /** Takes a connection. */
  accept(socket: Socket): void;
  /** From now on each answer is the last of its connection. */
  drain(): void;
  /** Closes connections on which nothing is going on. */
  closeIdle(): void;
  /** Ends what takes too long. */
  sweep(nowMs: number): void;
  /** Stops the watching of timeouts. */
  close(): void;
}

/** Checks each request and sends it to a fast route or to the framework. */
export class Front implements ConnectionReader {
  readonly #parts: FrontParts;
  readonly #server: Server;
  readonly #guard: ReturnType<typeof siteGuard>;
  readonly #context: ExchangeContext;
  #draining = false;

  constructor(parts: FrontParts) {
    this.#parts = parts;
    this.#context = { world: parts.world, bodyBytesMax: parts.config.bodyBytesMax };
    this.#guard = siteGuard(parts.config.publicNames, parts.config.pageOrigins);
    this.#server = this.#createServer();
    // The timeouts of node:http are watched from here on; it would do so by itself only if it listened.
    this.#server.emit("listening");
  }

  /** Takes a connection. */
  accept(socket: Socket): void {
    this.#server.emit("connection", socket);
  }

  /** From now on each answer is the last of its connection. */
  drain(): void {
    this.#draining = true;
    this.closeIdle();
  }

  /** Closes connections on which nothing is going on. */
  closeIdle(): void {
    this.#server.closeIdleConnections();
  }

  /** Nothing: node:http looks after its timeouts itself. */
  sweep(): void {}

  /** Stops the watching of timeouts. */
  close(): void {
    this.#server.close();
  }

  #createServer(): Server {
    const { config, framework } = this.#parts;
    const server = createServer({
      maxHeaderSize: config.headerBytesMax,
      headersTimeout: Math.min(config.headersTimeoutMs, config.requestTimeoutMs),
      requestTimeout: config.requestTimeoutMs,
      keepAliveTimeout: config.keepAliveTimeoutMs,
      connectionsCheckingInterval: config.checkIntervalMs,
      // We look ourselves, to answer in JSON and to refuse two of them as well.
      requireHostHeader: false,
      optimizeEmptyRequests: true,
      shouldUpgradeCallback: () => framework.listenerCount("upgrade") > 0,
    });
    // Node drops silently what is beyond; one more than we allow shows that there was more.
    server.maxHeadersCount = config.headerCountMax + 1;
    server.on("request", (incoming, outgoing) => this.#serve(incoming, outgoing, false));
    server.on("checkContinue", (incoming, outgoing) => this.#serve(incoming, outgoing, true));
    server.on("upgrade", (incoming, socket, head) => this.#upgrade(incoming, socket, head));
    server.on("clientError", (error, socket) => this.#brokenRequest(error as NodeJS.ErrnoException, socket as Socket));
    return server;
  }

  #serve(incoming: IncomingMessage, outgoing: ServerResponse, expectsContinue: boolean): void {
    const { config, routes, framework } = this.#parts;
    const connection = connectionOf(incoming.socket) as Connection;
    const scan = scanHeaders(incoming.rawHeaders);
    if (!incoming.url?.startsWith("/")) toOriginForm(incoming, scan);
    const exchange = new NodeExchange(connection, incoming, outgoing, this.#context);
    if (this.#draining) exchange.closeAfter();

    const route = matching(routes, exchange, config.hostsBelow);
    const refused = this.#problem(incoming, scan, connection, route);
    if (refused !== undefined) return this.#refuse(exchange, refused);
    if (route === undefined) {
      outgoing.once("close", () => exchange.finished());
      if (expectsContinue) outgoing.writeContinue();
      framework.emit("request", incoming, outgoing);
      return;
    }
    if (scan.bytes !== undefined && scan.bytes > config.bodyBytesMax)
      return this.#refuse(exchange, bodyTooLarge(config.bodyBytesMax));
    if (expectsContinue) exchange.expectContinue();
    this.#handle(route, exchange);
  }

  #handle(route: FastRoute, exchange: NodeExchange): void {
    try {
      route.handler(exchange, exchange);
    } catch (error) {
      this.#parts.bug(error);
      exchange.refuse(new PlatformError("internal", "Internal error"));
    }
  }

  #refuse(exchange: NodeExchange, error: PlatformError): void {
    exchange.dropBody();
    exchange.closeAfter();
    exchange.refuse(error);
  }

  /** What keeps a request from being served, if anything. */
  #problem(incoming: IncomingMessage, scan: Scan, connection: Connection, route?: FastRoute): PlatformError | undefined {
    if (incoming.rawHeaders.length > this.#parts.config.headerCountMax * 2)
      return tooManyHeaders(this.#parts.config.headerCountMax);
    if (scan.hosts !== 1 && (scan.hosts > 1 || incoming.httpVersion === "1.1")) return hostCount(scan.hosts);
    if (!connection.loopback || scan.authorized || route?.open === true) return undefined;
    return this.#guard({ method: incoming.method as string, host: scan.host, origin: scan.origin });
  }

  #upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    const scan = scanHeaders(incoming.rawHeaders);
    const refused = this.#problem(incoming, scan, connectionOf(socket as Socket) as Connection);
    if (refused !== undefined) endAndLinger(socket as Socket, this.#parts.world, rawRefusal(refused));
    else this.#parts.framework.emit("upgrade", incoming, socket, head);
  }

  /** Bytes that are no request, or a request that came too slowly. Reported more than once for one connection. */
  #brokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
    const connection = connectionOf(socket) as Connection;
    if (connection.broken) return;
    connection.broken = true;
    if (!socket.writable || connection.gone !== null || isDisconnect(error)) {
      socket.destroy();
      return;
    }
    const refused = brokenRequestError(error, this.#parts.config);
    const newest = connection.newest;
    if (newest === undefined) return endAndLinger(socket, this.#parts.world, rawRefusal(refused));
    // An older request may still be at work; its answer goes out, and the connection ends with it.
    if (newest.complete) newest.closeAfter();
    else newest.receiveFailed(refused);
  }
}

/** The first route that takes the request. */
export function matching(
  routes: readonly FastRoute[],
  { method, path, headers }: Pick<HttpRequest, "method" | "path" | "headers">,
  hostsBelow: HttpConfig["hostsBelow"],
): FastRoute | undefined {
  // By the header alone, which a front process passes on.
  const byHost = hostsOf(hostsBelow, headerOf(headers, "host"));
  for (const route of routes) {
    if (route.byHost !== byHost) continue;
    if (path.startsWith(route.prefix) && (route.matches === undefined || route.matches(method, path))) return route;
  }
  return undefined;
}

/** Below which name a host is; undefined: below none, it is the server's own. */
function hostsOf(hostsBelow: HttpConfig["hostsBelow"], host: string | undefined): string | undefined {
  for (const name in hostsBelow) if (labelBelow(hostsBelow[name] as string, host) !== null) return name;
  return undefined;
}

/** `GET http://host/path` means the same as `GET /path` with that Host (RFC 9112 section 3.2.2). */
function toOriginForm(incoming: IncomingMessage, scan: Scan): void {
  const match = /^https?:\/\/([^/?#]+)([^#]*)/i.exec(incoming.url as string);
  if (match === null) return;
  scan.host = match[1];
  const rest = match[2] as string;
  incoming.url = rest.startsWith("/") ? rest : `/${rest}`;
}

function tooManyHeaders(countMax: number): PlatformError {
  return new PlatformError("header_too_large", `The request has more than ${countMax} headers`, {
    details: { limitCount: countMax },
  });
}

function hostCount(hosts: number): PlatformError {
  return new PlatformError(
    "invalid",
    hosts === 0 ? "The request has no Host header" : "The request has more than one Host header",
  );
}

function isDisconnect(error: NodeJS.ErrnoException): boolean {
  return error.code === "ECONNRESET" || error.code === "EPIPE" || error.code === "HPE_INVALID_EOF_STATE";
}

function brokenRequestError(error: NodeJS.ErrnoException & { reason?: string }, config: HttpConfig): PlatformError {
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW":
      return headTooLarge(
        config.headerBytesMax,
        `The request's headers are larger than the limit of ${config.headerBytesMax} bytes`,
      );
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return new PlatformError("too_large", "The extensions of the body's chunks are too large");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return requestTooSlow(config);
    default:
      return notHttp(error.reason ?? "it can't be parsed");
  }
}
