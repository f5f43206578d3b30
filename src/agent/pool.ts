import type { World } from "../lib/world.ts";
import { asPlatformError, PlatformError } from "../model/error.ts";
import type { App, Fn, StartType } from "../model/model.ts";
import type { FunctionRequest } from "../protocol/protocol.ts";
import { sandboxesToStart } from "./growth.ts";
import type { Instance } from "./instance.ts";
import type { AgentCall } from "./link.ts";
import type { Evictable, MemoryBudget } from "./evictor.ts";
import type { Starter } from "./starter.ts";

/** The right to run one call in one sandbox. */
export interface Slot {
  readonly instance: Instance;
  readonly start: StartType;
}

interface Waiter {
  readonly call: AgentCall;
  readonly since: number;
  /** Settles the waiter's promise and forgets its timer and its abort listener. */
  readonly settle: (outcome: Slot | PlatformError) => void;
}

/** How often a pool with waiting calls looks whether to grow, in ms. */
const lookEveryMs = 25;

/**
 * The sandboxes of one revision of one function, and the calls that wait for one.
 *
 * A call takes the free slot that was used last, so that the pool shrinks from its cold end. Without one it waits; `growth.ts`
 * says how many sandboxes to start meanwhile. A sandbox nobody used for the idle timeout ends. A *retired* pool (a newer
 * revision is there, or the function is gone) serves those who wait already and then ends.
 */
export class Pool {
  readonly fn: Fn;
  /** The protocol serves one call a process: every call gets a sandbox of its own. */
  readonly once: boolean;
  /** Slots of one sandbox. */
  readonly #concurrency: number;
  readonly #app: App | null;
  readonly #starter: Starter;
  readonly #memory: MemoryBudget;
  readonly #world: World;
  readonly #empty: () => void;
  /** Ready instances with a free slot; the most recently used is last. */
  readonly #free: Instance[] = [];
  readonly #live = new Set<Instance>();
  readonly #waiters: Waiter[] = [];
  #starting = 0;
  /** Of those, the ones that wait for what they start from. */
  #preparing = 0;
  /** The last start failed and nothing lives: nothing more is started until those under way have told whether the code is broken. */
  #doubtful = false;
  readonly #starts = new Set<Promise<unknown>>();
  #retired = false;
  #runMs: number | undefined;
  #startMs = 100;
  #movedAt = 0;
  #looking = false;

  constructor(fn: Fn, app: App | null, starter: Starter, memory: MemoryBudget, world: World, empty: () => void) {
    this.fn = fn;
    const { once, serial } = starter.protocolOf(fn);
    this.once = once;
    this.#concurrency = serial ? 1 : fn.concurrency;
    this.#app = app;
    this.#starter = starter;
    this.#memory = memory;
    this.#world = world;
    this.#empty = empty;
  }

  get size(): number {
    return this.#live.size + this.#starting;
  }

  /** A free slot, or undefined: then `wait`. */
  tryTake(call: AgentCall): Slot | undefined {
    for (let instance = this.#free.pop(); instance !== undefined; instance = this.#free.pop()) {
      if (instance.ended || !instance.session.usable) continue;
      // One with slots left stays on top: full sandboxes first.
      if (instance.activeCalls + 1 < this.#concurrency) this.#free.push(instance);
      return this.#lease(instance, call);
    }
    return undefined;
  }

  /**
   * A slot as soon as there is one. Rejects with the reason of a start that failed when nothing else is left to wait for, with
   * `overloaded` after `call.waitMsMax`, and with the signal's reason.
   */
  wait(call: AgentCall, signal: AbortSignal): Promise<Slot> {
    return new Promise((resolve, reject) => {
      const stopClock = this.#world.after(call.waitMsMax, () => this.#drop(waiter, this.#noRoom(call.waitMsMax)));
      const onAbort = () => this.#drop(waiter, asPlatformError(signal.reason));
      const settle = (outcome: Slot | PlatformError) => {
        stopClock();
        signal.removeEventListener("abort", onAbort);
        if (outcome instanceof PlatformError) reject(outcome);
        else resolve(outcome);
      };
      const waiter: Waiter = { call, since: this.#world.monotonic(), settle };
      signal.addEventListener("abort", onAbort);
      if (this.#waiters.length === 0) this.#movedAt = waiter.since;
      this.#waiters.push(waiter);
      this.grow();
    });
  }

  /** An instance for one call only, which `end` stops; for protocols with a process a call. */
  async single(request: FunctionRequest, call: AgentCall): Promise<Slot> {
    if (!this.#memory.reserve(this.fn.memoryMiB)) throw overloaded(this.fn, 0);
    this.#starting++;
    try {
      return this.#lease(await this.#make(request, call), call);
    } catch (error) {
      this.#memory.release(this.fn.memoryMiB);
      throw error;
    } finally {
      this.#starting--;
    }
  }

  /** Gives a slot back. */
  release(instance: Instance, runMs: number): void {
    this.#runMs = this.#runMs === undefined ? runMs : this.#runMs * 0.9 + runMs * 0.1;
    this.#movedAt = this.#world.monotonic();
    if (instance.ended || (instance.retired && instance.activeCalls === 0)) {
      void instance.sandbox.stop();
      this.grow();
      return;
    }
    this.#offer(instance);
  }

  /** Ends idle instances now and the others after their call; those who wait are still served. */
  retire(): void {
    this.#retired = true;
    for (const instance of this.#live) this.#retireInstance(instance);
    this.#endIfDone();
  }

  /** Idle instances, for eviction. */
  *idle(): Iterable<Evictable> {
    for (const instance of this.#free) {
      if (instance.activeCalls > 0 || instance.ended) continue;
      yield { idleSince: instance.idleSince, evict: () => this.#stop(instance) };
    }
  }

  /** Fails everybody who waits and stops everything. */
  async close(reason: PlatformError): Promise<void> {
    this.#retired = true;
    for (const waiter of this.#waiters.splice(0)) waiter.settle(reason);
    await Promise.allSettled(this.#starts);
    await Promise.all([...this.#live].map((instance) => instance.sandbox.stop()));
  }

  /** Starts what `growth.ts` says; called when somebody begins to wait, when something moved, and by the clock. */
  grow(): void {
    if (this.#waiters.length === 0 || this.#doubtful) return;
    const count = sandboxesToStart({
      waiting: this.#waiters.length,
      starting: this.#starting,
      live: this.#live.size,
      concurrency: this.#concurrency,
      sandboxesMax: this.fn.sandboxesMax,
      runMs: this.#runMs,
      startMs: this.#startMs,
      stalledMs: this.#world.monotonic() - this.#movedAt,
    });
    for (let i = 0; i < count; i++) {
      if (!this.#memory.reserve(this.fn.memoryMiB)) break;
      void this.#start();
    }
    this.#lookAgain();
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
    this.#starting++;
    try {
      const instance = await this.#make(null, null);
      this.#starting--;
      this.#doubtful = false;
      this.#startMs = instance.createMs + instance.initMs;
      this.#movedAt = this.#world.monotonic();
      this.#offer(instance);
      this.grow();
    } catch (error) {
      this.#starting--;
      this.#memory.release(this.fn.memoryMiB);
      this.#startFailed(asPlatformError(error));
    }
    this.#endIfDone();
  }

  async #make(request: FunctionRequest | null, call: AgentCall | null): Promise<Instance> {
    const start = this.#starter.start(this.fn, this.#app, request, {
      ended: (ended) => this.#ended(ended),
      preparing: () => {
        this.#preparing++;
        return () => {
          this.#preparing--;
        };
      },
      failed: (lines) => {
        const reader = call ?? this.#waiters[0]?.call;
        for (const line of lines) reader?.log(line);
      },
    });
    this.#starts.add(start);
    try {
      const instance = await start;
      this.#live.add(instance);
      // It may have ended while it was being made known.
      if (instance.ended) this.#ended(instance);
      return instance;
    } finally {
      this.#starts.delete(start);
    }
  }

  /** A broken function fails everybody who waits; where another sandbox works, it was bad luck and they go on waiting. */
  #startFailed(error: PlatformError): void {
    this.#doubtful = this.#live.size === 0 && this.#starting > 0;
    if (this.#live.size > 0 || this.#starting > 0) return;
    for (const waiter of this.#waiters.splice(0)) waiter.settle(error);
  }

  #offer(instance: Instance): void {
    while (!instance.ended && instance.activeCalls < this.#concurrency) {
      const waiter = this.#waiters.shift();
      if (waiter === undefined) break;
      waiter.settle(this.#lease(instance, waiter.call));
    }
    if (instance.activeCalls < this.#concurrency) this.#keep(instance);
  }

  #lease(instance: Instance, call: AgentCall): Slot {
    const start = instance.used || instance.activeCalls > 0 ? "hot" : "cold";
    instance.begin(call);
    return { instance, start };
  }

  #keep(instance: Instance): void {
    if (this.#retired) return this.#retireInstance(instance);
    const at = this.#free.indexOf(instance);
    if (at !== -1) this.#free.splice(at, 1);
    this.#free.push(instance);
    if (instance.activeCalls === 0) {
      instance.idleSince = this.#world.monotonic();
      this.#watchIdle(instance);
    }
  }

  /** One timer a sandbox, armed again when it was used meanwhile: a call costs no timer. */
  #watchIdle(instance: Instance): void {
    if (instance.idleWatchOff !== null) return;
    const look = () => {
      const idleMs = instance.activeCalls > 0 ? 0 : this.#world.monotonic() - instance.idleSince;
      const leftMs = this.fn.idleTimeoutMs - idleMs;
      if (instance.ended) return;
      if (leftMs <= 0) this.#stop(instance);
      else instance.idleWatchOff = this.#world.after(leftMs, look);
    };
    instance.idleWatchOff = this.#world.after(this.fn.idleTimeoutMs, look);
  }

  #retireInstance(instance: Instance): void {
    instance.retired = true;
    if (instance.activeCalls === 0) this.#stop(instance);
  }

  #stop(instance: Instance): void {
    instance.ended = true;
    this.#forget(instance);
    void instance.sandbox.stop();
  }

  #ended(instance: Instance): void {
    this.#forget(instance);
    this.grow();
    this.#endIfDone();
  }

  /** Once an instance, whoever comes first: eviction, idle time or its own end. */
  #forget(instance: Instance): void {
    if (!this.#live.delete(instance)) return;
    instance.idleWatchOff?.();
    const at = this.#free.indexOf(instance);
    if (at !== -1) this.#free.splice(at, 1);
    this.#memory.release(this.fn.memoryMiB);
  }

  #drop(waiter: Waiter, error: PlatformError): void {
    const at = this.#waiters.indexOf(waiter);
    if (at === -1) return;
    this.#waiters.splice(at, 1);
    waiter.settle(error);
    this.#endIfDone();
  }

  #noRoom(waitedMs: number): PlatformError {
    return this.#preparing > 0 ? stillPreparing(this.fn, waitedMs) : overloaded(this.fn, waitedMs);
  }

  #endIfDone(): void {
    if (this.#retired && this.size === 0 && this.#waiters.length === 0) this.#empty();
  }
}

function overloaded(fn: Fn, waitedMs: number): PlatformError {
  return new PlatformError(
    "overloaded",
    `No room for function ${fn.name}: no sandbox got free within ${waitedMs} ms and none can be added (at most ${fn.sandboxesMax}, and the memory of the machine)`,
    { details: { limit: "sandboxes", retryAfterS: 1 } },
  );
}

function stillPreparing({ name, source }: Fn, waitedMs: number): PlatformError {
  const what = source.type === "image" ? "its image" : `the kind ${source.kind}`;
  return new PlatformError(
    "overloaded",
    `Function ${name} cannot start yet: ${what} was still being made ready after ${waitedMs} ms, which takes longest at its first use; try again`,
    { details: { limit: "preparing", retryAfterS: 2 } },
  );
}
