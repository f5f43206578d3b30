import type { CancelSignal } from "../lib/cancel.ts";
import { asPlatformError, type PlatformError } from "../model/error.ts";
import type { App, Fn } from "../model/model.ts";
import type { FunctionRequest } from "../protocol/protocol.ts";
import { Deadlines } from "../lib/deadlines.ts";
import type { Instance } from "./instance.ts";
import type { AgentCall } from "./link.ts";
import type { MemoryShares } from "./memory-shares.ts";
import type { Pool, Slot } from "./pool.ts";
import { type PoolParts, Stock } from "./stock.ts";
import { type Taker, WaitingLine } from "./waiting-line.ts";

/**
 * A sandbox of its own for each call, which ends with it: for functions that want it so (`isolation: fresh`) and for protocols of one
 * process a call. A call waits for room, first come, first served, and then for its own start, whose failure is its own.
 */
export class FreshPool implements Pool {
  readonly fn: Fn;
  readonly deadlines: Deadlines;
  readonly provisioned = { wanted: 0, ready: 0 };
  readonly #empty: () => void;
  readonly #shares: MemoryShares;
  readonly #stock: Stock;
  readonly #line: WaitingLine<void>;
  /** The protocol must know the call before the start. */
  readonly #startsByCall: boolean;
  #retired: boolean;

  constructor(fn: Fn, app: App | null, parts: PoolParts, retired: boolean, empty: () => void) {
    this.fn = fn;
    this.deadlines = new Deadlines(parts.world, fn.timeoutMs);
    this.#retired = retired;
    this.#empty = empty;
    this.#shares = parts.shares;
    this.#startsByCall = parts.starter.protocolOf(fn).once;
    this.#stock = new Stock(fn, app, parts, () => this.#moved());
    this.#line = new WaitingLine(
      parts.world,
      (waitedMs) => this.#stock.noRoom(waitedMs),
      () => this.#moved(),
    );
  }

  get starting(): number {
    return this.#stock.starting;
  }

  get live(): Iterable<Instance> {
    return this.#stock.live;
  }

  get waiting(): number {
    return this.#line.length;
  }

  get waitingSince(): number | undefined {
    return this.#line.since;
  }

  get urgent(): boolean {
    return this.#line.urgent > 0;
  }

  tryTake(): undefined {}

  wait(call: AgentCall, request: () => FunctionRequest, signal: CancelSignal, taker: Taker<Slot>): void {
    this.#line.wait(call, signal, {
      served: () => void this.#start(call, this.#startsByCall ? request() : null, signal, taker),
      failed: (error) => taker.failed(error),
    });
    this.grow();
  }

  release(instance: Instance): void {
    instance.ended = true;
    void instance.stop("spindown");
  }

  /** A sandbox of one call is made with the call. */
  prepare(): void {}

  provision(): void {}

  retire(): void {
    this.#retired = true;
    this.#moved();
  }

  *idle(): Iterable<never> {}

  grow(): void {
    let refused = false;
    while (this.#line.length > 0 && this.#stock.size < this.fn.sandboxesMax && !refused) {
      refused = !this.#stock.reserve(this.waitingSince);
      if (!refused) this.#line.shift()?.serve();
    }
    this.#shares.told(this, refused);
  }

  measured(): void {}

  async close(reason: PlatformError): Promise<void> {
    this.#retired = true;
    this.#line.failAll(reason);
    await this.#stock.close();
  }

  async #start(call: AgentCall, request: FunctionRequest | null, signal: CancelSignal, taker: Taker<Slot>): Promise<void> {
    let instance: Instance;
    try {
      instance = await this.#stock.make(request, () => call);
      if (signal.aborted) {
        this.#stock.stop(instance);
        throw signal.reason;
      }
      instance.begin(call);
    } catch (error) {
      this.#moved();
      taker.failed(asPlatformError(error));
      return;
    }
    this.#moved();
    taker.served({ instance, start: instance.origin });
  }

  /** A start failed, a sandbox ended, or somebody left the line. */
  #moved(): void {
    this.grow();
    if (this.#retired && this.#stock.size === 0 && this.#line.length === 0) this.#empty();
  }
}
