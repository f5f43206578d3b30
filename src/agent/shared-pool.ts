import type { CancelSignal } from "../lib/cancel.ts";
import type { World } from "../lib/world.ts";
import { asPlatformError, type PlatformError } from "../model/error.ts";
import type { App, Fn, StartType } from "../model/model.ts";
import type { FunctionRequest } from "../protocol/protocol.ts";
import { Deadlines } from "../lib/deadlines.ts";
import type { Evictable } from "./evictor.ts";
import { sandboxesPerProcessor, sandboxesToStart } from "./growth.ts";
import type { Instance } from "./instance.ts";
import type { AgentCall } from "./link.ts";
import type { MemoryShares } from "./memory-shares.ts";
import type { Pool, Slot } from "./pool.ts";
import type { Processors } from "./processors.ts";
import type { ProvisionCounts } from "./provisions.ts";
import { type PoolParts, Stock } from "./stock.ts";
import { Upkeep } from "./upkeep.ts";
import { type Taker, WaitingLine } from "./waiting-line.ts";

/** How often a pool with waiting calls looks whether to grow, in ms. */
const lookEveryMs = 25;

/**
 * Sandboxes that serve one call after the other.
 *
 * A call takes the free slot that was used last, so that the pool shrinks from its cold end. Without one it waits; `growth.ts`
 * says how many sandboxes to start meanwhile, and `rest.ts` what becomes of one that nobody uses. A *retired* pool (a newer
 * revision is there, or the function is gone) serves those who wait already and then ends.
 */
export class SharedPool implements Pool {
  readonly fn: Fn;
  readonly deadlines: Deadlines;
  /** Slots of one sandbox. */
  readonly #concurrency: number;
  readonly #world: World;
  readonly #empty: () => void;
  readonly #shares: MemoryShares;
  readonly #processors: Processors;
  readonly #stock: Stock;
  readonly #upkeep: Upkeep;
  readonly #line: WaitingLine<Slot>;
  /** Ready instances with a free slot; the most recently used is last. */
  readonly #free: Instance[] = [];
  /** The last start failed and nothing lives: nothing more is started until those under way have told whether the code is broken. */
  #doubtful = false;
  #retired: boolean;
  #runMs: number | undefined;
  #startMs = 100;
  #movedAt = 0;
  #looking = false;

  constructor(fn: Fn, app: App | null, parts: PoolParts, retired: boolean, empty: () => void) {
    this.fn = fn;
    this.deadlines = new Deadlines(parts.world, fn.timeoutMs);
    this.#concurrency = parts.starter.protocolOf(fn).serial ? 1 : fn.concurrency;
    this.#world = parts.world;
    this.#retired = retired;
    this.#empty = empty;
    this.#shares = parts.shares;
    this.#processors = parts.processors;
    this.#stock = new Stock(fn, app, parts, (instance) => this.#ended(instance));
    this.#upkeep = new Upkeep(fn, parts, this.#stock, {
      start: () => void this.#start(),
      stop: (instance) => this.#stop(instance),
    });
    this.#line = new WaitingLine(
      parts.world,
      (waitedMs) => this.#stock.noRoom(waitedMs),
      () => this.#endIfDone(),
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

  get provisioned(): ProvisionCounts {
    return this.#upkeep.provision;
  }

  tryTake(call: AgentCall): Slot | undefined {
    const instance = this.#takeFree();
    return instance === undefined ? undefined : this.#lease(instance, call, instance.frozen ? "warm" : "hot");
  }

  wait(call: AgentCall, _request: () => FunctionRequest, signal: CancelSignal, taker: Taker<Slot>): void {
    if (this.#line.length === 0) this.#movedAt = this.#world.monotonic();
    this.#line.wait(call, signal, taker);
    if (call.background !== true) this.#stock.hurry();
    this.grow();
  }

  release(instance: Instance, runMs: number, now: number): void {
    this.#upkeep.callEnded();
    this.#runMs = this.#runMs === undefined ? runMs : this.#runMs * 0.9 + runMs * 0.1;
    this.#movedAt = now;
    // With others in it, it takes no more calls, or it would never end.
    if (!instance.ended && !instance.retired && this.#stock.mustLeave(instance)) instance.retired = true;
    if (instance.ended) {
      void instance.stop("failure");
      this.grow();
    } else if (instance.retired && instance.activeCalls === 0) {
      this.#stop(instance);
      this.grow();
    } else if (!instance.retired) {
      this.#offer(instance);
      this.#upkeep.watch(instance);
    }
  }

  prepare(): void {
    if (this.#retired || this.#stock.size > 0 || !this.#stock.reserve()) return;
    // A start that fails is told to the call that comes.
    void this.#start();
  }

  provision(count: number): void {
    if (!this.#retired) this.#upkeep.provision.set(count);
  }

  retire(): void {
    this.#end();
    for (const instance of this.#free.slice()) this.#keep(instance);
    this.#endIfDone();
  }

  *idle(): Iterable<Evictable> {
    for (const instance of this.#free) {
      if (instance.activeCalls > 0 || instance.ended) continue;
      const provisioned = instance.provision === "kept";
      yield { idleSince: instance.idleSince, heldMiB: instance.countedMiB, provisioned, evict: () => this.#stop(instance) };
    }
  }

  measured(instance: Instance): void {
    this.#upkeep.measured(instance);
  }

  async close(reason: PlatformError): Promise<void> {
    this.#end();
    this.#line.failAll(reason);
    await this.#stock.close();
  }

  /** Starts what `growth.ts` says; called when somebody begins to wait, when something moved, and by the clock. */
  grow(): void {
    this.#serveFromIdle();
    if (this.#line.length === 0 || this.#doubtful) return;
    const count = sandboxesToStart({
      waiting: this.#line.length,
      urgent: this.#line.urgent,
      starting: this.#stock.starting,
      live: this.#stock.live.size,
      concurrency: this.#concurrency,
      sandboxesMax: this.fn.sandboxesMax,
      runMs: this.#runMs,
      startMs: this.#startMs,
      stalledMs: this.#world.monotonic() - this.#movedAt,
      cpuBound: this.#isCpuBound(),
    });
    let refused = false;
    for (let i = 0; i < count && !refused; i++) {
      refused = !this.#stock.reserve(this.waitingSince);
      if (!refused) void this.#start();
    }
    this.#shares.told(this, refused);
    this.#lookAgain();
  }

  #isCpuBound(): boolean {
    return this.#stock.size >= this.#processors.count * sandboxesPerProcessor && this.#processors.short;
  }

  #lookAgain(): void {
    if (this.#looking) return;
    this.#looking = true;
    this.#world.after(lookEveryMs, () => {
      this.#looking = false;
      this.grow();
    });
  }

  async #start(): Promise<void> {
    try {
      const instance = await this.#stock.make(null, () => this.#line.first?.call);
      this.#doubtful = false;
      this.#upkeep.provision.made(instance);
      // A stem cell says nothing of what the next start takes, for which there may be none.
      if (instance.origin === "cold") this.#startMs = instance.createMs + instance.initMs;
      this.#movedAt = this.#world.monotonic();
      instance.idleSince = this.#movedAt;
      this.#offer(instance);
      this.#upkeep.watch(instance);
      this.grow();
    } catch (error) {
      this.#startFailed(asPlatformError(error));
    }
    this.#endIfDone();
  }

  /** A broken function fails everybody who waits; where another sandbox works, it was bad luck and they go on waiting. */
  #startFailed(error: PlatformError): void {
    this.#doubtful = this.#stock.live.size === 0 && this.#stock.starting > 0;
    if (this.#stock.size === 0) this.#line.failAll(error);
    this.#upkeep.provision.startFailed();
  }

  /** An idle one may be there that there was no memory to wake. */
  #serveFromIdle(): void {
    while (this.#line.length > 0) {
      const instance = this.#takeFree();
      if (instance === undefined) return;
      const waiter = this.#line.shift();
      waiter?.serve(this.#lease(instance, waiter.call, instance.frozen ? "warm" : "hot"));
    }
  }

  /** The one that was used last. Its memory is there; one with more than one slot left stays on top: full sandboxes first. */
  #takeFree(): Instance | undefined {
    for (let instance = this.#free.pop(); instance !== undefined; instance = this.#free.pop()) {
      if (instance.ended || instance.retired || !instance.session.usable) continue;
      const isAwake = instance.activeCalls > 0 || this.#stock.claim(instance, this.waitingSince);
      if (!isAwake || instance.activeCalls + 1 < this.#concurrency) this.#free.push(instance);
      return isAwake ? instance : undefined;
    }
    return undefined;
  }

  #offer(instance: Instance): void {
    while (!instance.ended && instance.activeCalls < this.#concurrency) {
      const waiter = this.#line.shift();
      if (waiter === undefined) break;
      const start = instance.used || instance.activeCalls > 0 ? "hot" : instance.origin;
      waiter.serve(this.#lease(instance, waiter.call, start));
    }
    if (instance.activeCalls < this.#concurrency) this.#keep(instance);
  }

  #lease(instance: Instance, call: AgentCall, start: StartType): Slot {
    this.#upkeep.callBegins(instance);
    instance.begin(call);
    return { instance, start };
  }

  #keep(instance: Instance): void {
    const isIdle = instance.activeCalls === 0;
    if (this.#retired && isIdle) return this.#stop(instance);
    if (this.#free.at(-1) !== instance) {
      this.#unfree(instance);
      this.#free.push(instance);
    }
    if (isIdle) this.#stock.recount(instance);
  }

  #stop(instance: Instance): void {
    this.#unfree(instance);
    this.#stock.stop(instance);
    this.#upkeep.ended(instance, "stopped");
    this.#endIfDone();
  }

  #ended(instance: Instance): void {
    this.#unfree(instance);
    this.#upkeep.ended(instance, "by itself");
    this.grow();
    this.#endIfDone();
  }

  /** No new calls come. */
  #end(): void {
    this.#retired = true;
    this.#upkeep.close();
  }

  #unfree(instance: Instance): void {
    const at = this.#free.lastIndexOf(instance);
    if (at !== -1) this.#free.splice(at, 1);
  }

  #endIfDone(): void {
    if (this.#retired && this.#stock.size === 0 && this.#line.length === 0) this.#empty();
  }
}
