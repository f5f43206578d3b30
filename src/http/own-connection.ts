import type { Socket } from "node:net";
import type { World } from "../lib/world.ts";
import { asPlatformError, type PlatformError } from "../model/error.ts";
import { Http1Error } from "../wire/http1-error.ts";
import type { HeadTable } from "../wire/http1-head-table.ts";
import type { PieceTaker } from "../wire/http1-server-chunks.ts";
import { readAlone, readShared } from "../wire/shared-reads.ts";
import type { RequestHead, RequestLimits } from "../wire/http1-server-head.ts";
import { RequestReader } from "../wire/http1-server-reader.ts";
import type { DateLine } from "./answer-head.ts";
import type { HttpConfig } from "./config.ts";
import type { Connection } from "./connection.ts";
import type { KnownRequest } from "./known-request.ts";
import { lingerMs } from "./linger.ts";
import { type ExchangeLine, OwnExchange } from "./own-exchange.ts";
import { OwnWriter } from "./own-writer.ts";
import { rawRefusal } from "./refusal.ts";
import { headTooLarge, notHttp, requestTooSlow } from "./request-errors.ts";

/** What all connections of a front share, and whom they tell. */
export interface OwnContext {
  readonly world: World;
  readonly config: HttpConfig;
  readonly limits: RequestLimits;
  readonly date: DateLine;
  /** What all readers have met. */
  readonly heads: HeadTable;
  /** The lines that say that the connection stays. */
  readonly keepAliveLines: string;
  /** From now on each answer is the last of its connection. */
  readonly draining: boolean;
  /** Serves a request. False: it is not for a fast route, and the connection goes to the framework. */
  serve(head: RequestHead, line: OwnConnection): boolean;
  /** The connection is not ours any more, and `bytes` are to be read first. */
  handOver(line: OwnConnection, socket: Socket, bytes: Buffer): void;
  closed(line: OwnConnection): void;
}

/**
 * Reads one client's connection and answers in order, one request at a time: the next one is not looked at before the answer to the last one
 * is written and the client keeps up with reading. `open`: requests come; `closing`: our side has ended, what comes is thrown
 * away until the client ends its own; `left`: handed over or closed.
 */
export class OwnConnection implements ExchangeLine {
  readonly connection: Connection;
  readonly writer: OwnWriter;
  readonly #socket: Socket;
  readonly #context: OwnContext;
  readonly #reader: RequestReader;
  #state: "open" | "closing" | "left" = "open";
  #exchange: OwnExchange | null = null;
  #advancing = false;
  #paused = false;
  /** A body's bytes are being handed out: to others the request is not complete yet. */
  #handing = false;
  /** Requests taken up so far. */
  #count = 0;
  /** When the request began that has not come whole; 0 when there is none. */
  #begunAtMs = 0;
  // What the last sweep saw, and since when it is so: a request that comes and goes between two of them asks no clock.
  #sweptCount = 0;
  #idleSinceMs: number;

  constructor(socket: Socket, connection: Connection, context: OwnContext) {
    this.#socket = socket;
    this.connection = connection;
    this.writer = new OwnWriter(socket);
    this.#context = context;
    this.#reader = new RequestReader(context.limits, context.heads);
    this.#idleSinceMs = context.world.monotonic();
    if (!readShared(socket, this.#onRead)) socket.on("data", this.#onData);
    socket.on("drain", this.#onDrain);
    socket.on("end", this.#onEnd);
    socket.on("error", ignore);
    socket.on("close", this.#onClose);
  }

  get bodyBytesMax(): number {
    return this.#context.config.bodyBytesMax;
  }

  get date(): string {
    return this.#context.date.text;
  }

  get bodyComplete(): boolean {
    return !this.#handing && this.#reader.bodyComplete;
  }

  connectionLines(close: boolean): string {
    return close ? "Connection: close\r\n" : this.#context.keepAliveLines;
  }

  takeBody(): Buffer | null {
    return this.#reader.takeBody();
  }

  readBody(taker: PieceTaker): boolean {
    this.#handing = true;
    try {
      return this.#reader.readBody(taker);
    } catch (error) {
      this.#handing = false;
      this.connection.broken = true;
      this.#exchange?.receiveFailed(this.#brokenError(error));
      return false;
    } finally {
      this.#handing = false;
      this.#throttle();
    }
  }

  /** The exchange for the request that was just read. For the front only. */
  open(head: RequestHead, known: KnownRequest): OwnExchange {
    const exchange = new OwnExchange(this, head, known);
    this.#exchange = exchange;
    this.connection.begin(exchange);
    if (this.#context.draining) exchange.closeAfter();
    return exchange;
  }

  over(close: boolean): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    this.#exchange = null;
    this.#begunAtMs = 0;
    this.connection.end(exchange);
    if (this.#state !== "open") return;
    if (close) this.#close();
    else if (this.#reader.held > 0) this.#advance();
  }

  /** Nothing is going on. */
  get idle(): boolean {
    return this.#state === "open" && this.#exchange === null && this.#reader.held === 0;
  }

  /** Ends a connection on which nothing is going on, now or as soon as its client has read what waits. */
  closeIdle(): void {
    if (this.idle || (this.#state === "closing" && this.writer.flushed)) this.#socket.destroySoon();
  }

  /** Called every now and then: ends what takes too long. */
  sweep(nowMs: number): void {
    if (this.#state === "closing") {
      if (!this.writer.flushed) this.#idleSinceMs = nowMs;
      else if (nowMs - this.#idleSinceMs >= lingerMs) this.writer.cut();
    } else if (this.#exchange !== null) this.#sweepRequest(nowMs);
    else if (this.#reader.held > 0) this.#sweepHead(nowMs);
    else this.#sweepIdle(nowMs);
  }

  readonly #onData = (data: Buffer): void => {
    if (this.#state !== "open" || this.connection.broken) return;
    this.#reader.give(data);
    this.#given();
  };

  /** The same for bytes in memory that others use, too. */
  readonly #onRead = (bytes: number, buffer: Buffer): void => {
    if (this.#state !== "open" || this.connection.broken) return;
    this.#reader.lend(buffer, bytes);
    this.#given();
    this.#reader.settle();
  };

  #given(): void {
    if (this.#exchange === null) this.#advance();
    else if (!this.#reader.bodyComplete) this.#exchange.arrived();
    this.#throttle();
  }

  readonly #onDrain = (): void => {
    if (this.#exchange !== null) this.#exchange.drained();
    else if (this.#state === "open" && this.#reader.held > 0) this.#advance();
  };

  /** The client has ended its side, which the connection knows already. */
  readonly #onEnd = (): void => {
    if (this.#state === "open") this.#close();
  };

  readonly #onClose = (): void => {
    this.#state = "left";
    this.#context.closed(this);
  };

  /** Takes up requests as long as they are there and the client reads the answers. */
  #advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    while (this.#exchange === null && this.#state === "open" && !this.writer.full && this.#takeUp());
    this.#advancing = false;
    this.writer.leave();
    this.#throttle();
  }

  /** Takes up one request; false when there is none. */
  #takeUp(): boolean {
    let head: RequestHead | undefined;
    try {
      head = this.#reader.head();
    } catch (error) {
      this.#refuse(this.#brokenError(error));
      return false;
    }
    if (head === undefined) {
      if (this.#begunAtMs === 0 && this.#reader.held > 0) this.#begunAtMs = this.#context.world.monotonic();
      return false;
    }
    this.#begin(head);
    return true;
  }

  #begin(head: RequestHead): void {
    this.#count++;
    if (this.#reader.bodyArrived) {
      this.#begunAtMs = 0;
      // The answers to requests that came together leave together.
      if (this.#reader.held > Math.max(0, head.framing)) this.writer.join();
    } else if (this.#begunAtMs === 0) this.#begunAtMs = this.#context.world.monotonic();
    if (!this.#context.serve(head, this)) this.#leave();
    else if (this.#exchange !== null && !this.#reader.bodyComplete && this.#reader.held > 0) this.#exchange.arrived();
  }

  #leave(): void {
    const socket = this.#socket;
    this.#state = "left";
    this.writer.leave();
    socket.off("data", this.#onData);
    readAlone(socket);
    socket.off("drain", this.#onDrain);
    socket.off("end", this.#onEnd);
    socket.off("error", ignore);
    socket.off("close", this.#onClose);
    this.#context.handOver(this, socket, this.#reader.takeBack());
  }

  #refuse(error: PlatformError): void {
    this.connection.broken = true;
    this.#close(rawRefusal(error));
  }

  /** Ends our side, with `last` if given. A socket closed with unread bytes is reset, and the reset can overtake the answer: so it lingers. */
  #close(last?: string): void {
    this.#state = "closing";
    this.#idleSinceMs = this.#context.world.monotonic();
    if (last === undefined) this.#socket.end();
    else this.#socket.end(last);
    if (this.#paused) this.#resume();
    if (this.#context.draining && this.#reader.held === 0) this.#socket.destroySoon();
  }

  /** What nobody reads waits with the operating system, and at last with the client. */
  #throttle(): void {
    if (this.#state !== "open") return;
    const full = this.#reader.held > heldBytesMax;
    if (full === this.#paused) return;
    if (!full) return this.#resume();
    this.#paused = true;
    this.#socket.pause();
  }

  #resume(): void {
    this.#paused = false;
    this.#socket.resume();
  }

  #sweepRequest(nowMs: number): void {
    const { requestTimeoutMs } = this.#context.config;
    if (this.#begunAtMs === 0 || this.#reader.bodyComplete || nowMs - this.#begunAtMs < requestTimeoutMs) return;
    this.#begunAtMs = 0;
    this.connection.broken = true;
    this.#exchange?.receiveFailed(requestTooSlow(this.#context.config));
  }

  #sweepHead(nowMs: number): void {
    const { headersTimeoutMs, requestTimeoutMs } = this.#context.config;
    // Requests that wait behind answers which nobody reads are a matter of the listener's stall timeout.
    if (this.#begunAtMs === 0 || nowMs - this.#begunAtMs < Math.min(headersTimeoutMs, requestTimeoutMs)) return;
    this.#refuse(requestTooSlow(this.#context.config));
  }

  #sweepIdle(nowMs: number): void {
    const { headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs } = this.#context.config;
    if (this.#sweptCount !== this.#count) {
      this.#sweptCount = this.#count;
      this.#idleSinceMs = nowMs;
      return;
    }
    const idleMs = nowMs - this.#idleSinceMs;
    if (this.#count > 0) {
      if (idleMs >= keepAliveTimeoutMs) this.closeIdle();
    } else if (idleMs >= Math.min(headersTimeoutMs, requestTimeoutMs)) this.#refuse(requestTooSlow(this.#context.config));
  }

  #brokenError(error: unknown): PlatformError {
    if (!(error instanceof Http1Error)) return asPlatformError(error);
    if (error.kind === "head_too_large") return headTooLarge(this.#context.limits.headerBytesMax, error.message);
    return notHttp(error.message);
  }
}

function ignore(): void {}

/** Bytes that may wait for a handler or for earlier answers. */
const heldBytesMax = 64 * 1024;
