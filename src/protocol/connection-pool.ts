/**
 * The HTTP connections of one session: reuses them, drops them when idle, and runs an exchange on each.
 *
 * A request is sent at most once: only one that no byte of was taken, because the connection had gone before, goes out again
 * on a new connection.
 */
import { abortSignalOf, type CancelSignal } from "../lib/cancel.ts";
import type { Duplex } from "node:stream";
import type { BodySource } from "../lib/body.ts";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import { limits } from "../model/limits.ts";
import { atomicWriteBytes, type Http1Caller, Http1Client, type Http1Response, type Http1Watcher } from "../wire/http1-client.ts";
import { headerLines, type Http1RequestHead, requestLine } from "../wire/http1-request.ts";
import type { Http1ResponseHead } from "../wire/http1-response.ts";
import { Http1Error } from "../wire/http1-error.ts";
import { gatherBody } from "./gathered-body.ts";
import { http1Failure } from "./http1-failure.ts";
import type { Dial } from "./protocol.ts";

export interface PoolOptions {
  readonly dial: Dial;
  readonly world: World;
  /** A connection without an exchange is closed after this. */
  readonly idleMsMax: number;
  /** Connections at a time; a call over it is a mistake of the platform and fails. */
  readonly connectionsMax: number;
  /** An exchange broke off, was aborted, or a connection broke the protocol (also while idle). */
  readonly broken: (error: Error) => void;
}

export class ConnectionPool {
  readonly #options: PoolOptions;
  /** Newest last; that one is taken next. */
  readonly #idle: Connection[] = [];
  readonly #all = new Set<Connection>();
  #sweepOff: (() => void) | null = null;
  #dialling = 0;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Takes over a connection that is open and unused. */
  add(stream: Duplex): void {
    const connection = new Connection(stream, this);
    this.#all.add(connection);
    this.idle(connection);
  }

  /** `begin` with a promise of what its caller hears. */
  exchange(head: Http1RequestHead, body: BodySource, signal: CancelSignal): Promise<Http1Response> {
    return new Promise((resolve, reject) => {
      const caller: Http1Caller = {
        answered: ({ status, headers }, content) => resolve({ status, headers, body: content }),
        failed: reject,
      };
      const lines = textOf(head, body, caller);
      if (lines !== null) this.begin(head.method, lines, body, signal, caller);
    });
  }

  /**
   * Runs one exchange. `lines`: the head without the lines about its length. The caller hears a PlatformError or the signal's reason
   * where it fails.
   */
  begin(method: string, lines: string, body: BodySource, signal: CancelSignal, caller: Http1Caller): void {
    const exchange = { method, lines, body: gatherBody(body, atomicWriteBytes), signal, caller };
    const connection = this.#take();
    if (connection === undefined) void this.#beginOnNew(exchange);
    else connection.begin(exchange);
  }

  async #beginOnNew(exchange: Exchange): Promise<void> {
    this.#dialling++;
    let stream: Duplex;
    try {
      if (this.#all.size + this.#dialling > this.#options.connectionsMax) throw tooMany();
      stream = await this.#options.dial(abortSignalOf(exchange.signal));
    } catch (error) {
      this.#dialling--;
      cancel(exchange.body);
      exchange.caller.failed(error as Error);
      return;
    }
    this.#dialling--;
    const connection = new Connection(stream, this);
    this.#all.add(connection);
    if (this.#closed) connection.close();
    connection.isNew = true;
    connection.begin(exchange);
  }

  /** For connections: an exchange on it failed before its answer began. */
  failed(connection: Connection, exchange: Exchange, error: Error): void {
    if (isUnsent(error) && !connection.isNew) {
      void this.#beginOnNew(exchange);
      return;
    }
    if (isUnsent(error)) cancel(exchange.body);
    exchange.caller.failed(http1Failure(error));
  }

  /** Ends every connection; running exchanges fail. */
  close(): void {
    this.#closed = true;
    this.#sweepOff?.();
    for (const connection of this.#all) connection.close();
  }

  #take(): Connection | undefined {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined || connection.open) return connection;
    }
  }

  /** For connections: the exchange is over. */
  idle(connection: Connection): void {
    connection.idleSince = this.#options.world.monotonic();
    this.#idle.push(connection);
    this.#sweepOff ??= this.#options.world.after(this.#options.idleMsMax, this.#sweep);
  }

  /** For connections: it is gone. */
  gone(connection: Connection, error: Error | null): void {
    this.#all.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    if (error !== null && !this.#closed && !isUnsent(error)) this.#options.broken(error);
  }

  /** One timer for all, so that a hot call sets none. */
  readonly #sweep = (): void => {
    this.#sweepOff = null;
    const { world, idleMsMax } = this.#options;
    const oldest = world.monotonic() - idleMsMax;
    // A timer may fire a little before its time by the other clock; a millisecond more or less does not matter here.
    for (const connection of this.#idle.filter((each) => each.idleSince <= oldest + 1)) connection.close();
    const next = this.#idle[0];
    if (next !== undefined) this.#sweepOff = world.after(Math.max(1, next.idleSince - oldest), this.#sweep);
  };
}

const isUnsent = (error: unknown) => error instanceof Http1Error && error.kind === "unsent";

const tooMany = () => new PlatformError("internal", "A session was given more calls at a time than its protocol allows");

function cancel(body: Buffer | BodySource): void {
  if (!Buffer.isBuffer(body)) body.cancel();
}

/** Null: the caller has heard what no head can say. */
function textOf({ method, target, headers }: Http1RequestHead, body: BodySource, caller: Http1Caller): string | null {
  try {
    return requestLine(method, target) + headerLines(headers);
  } catch (error) {
    body.cancel();
    caller.failed(error as Error);
    return null;
  }
}

/** All that is needed to run it, if need be again. */
interface Exchange {
  readonly method: string;
  readonly lines: string;
  readonly body: Buffer | BodySource;
  readonly signal: CancelSignal;
  readonly caller: Http1Caller;
}

/** One connection and its exchange. */
class Connection implements Http1Watcher, Http1Caller {
  readonly #client: Http1Client;
  readonly #pool: ConnectionPool;
  #exchange: Exchange | null = null;
  #signal: CancelSignal | null = null;
  /** It has carried no exchange: it cannot have been closed for want of one. */
  isNew = false;
  idleSince = 0;

  constructor(stream: Duplex, pool: ConnectionPool) {
    this.#pool = pool;
    this.#client = new Http1Client(stream, limits, this);
  }

  get open(): boolean {
    return this.#client.idle;
  }

  begin(exchange: Exchange): void {
    const { method, lines, body, signal } = exchange;
    this.#exchange = exchange;
    this.#signal = signal;
    signal.addEventListener("abort", this);
    this.#client.begin(method, lines, body, this);
    // An aborted signal tells nobody any more.
    if (signal.aborted) this.handleEvent();
  }

  answered(head: Http1ResponseHead, body: BodySource): void {
    const { caller } = this.#exchange as Exchange;
    this.#exchange = null;
    caller.answered(head, body);
  }

  failed(error: Error): void {
    const exchange = this.#exchange as Exchange;
    this.#exchange = null;
    this.#forgetSignal();
    this.#pool.failed(this, exchange, error);
  }

  /** The signal aborts; the connection is its own listener, so that a call makes no closure. */
  handleEvent(): void {
    this.#client.close(this.#signal?.reason as Error | undefined);
  }

  close(): void {
    this.#client.close();
  }

  idle(): void {
    this.isNew = false;
    this.#forgetSignal();
    this.#pool.idle(this);
  }

  closed(_client: Http1Client, error: Error | null): void {
    this.#forgetSignal();
    this.#pool.gone(this, error);
  }

  failure(error: Http1Error): Error {
    return http1Failure(error);
  }

  #forgetSignal(): void {
    this.#signal?.removeEventListener("abort", this);
    this.#signal = null;
  }
}
