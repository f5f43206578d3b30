import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { App, Fn } from "../model/model.ts";
import type { FunctionRequest } from "../protocol/protocol.ts";
import type { KeepAlives } from "./keeper.ts";
import type { MemoryBudget } from "./evictor.ts";
import type { MemoryShares } from "./memory-shares.ts";
import type { Instance } from "./instance.ts";
import type { AgentCall } from "./link.ts";
import type { Processors } from "./processors.ts";
import type { Starter } from "./starter.ts";
import type { Counters } from "./stats.ts";

/** What the pools of an agent share. */
export interface PoolParts {
  readonly world: World;
  readonly starter: Starter;
  readonly memory: MemoryBudget;
  readonly shares: MemoryShares;
  readonly counters: Counters;
  readonly processors: Processors;
  readonly keepAlives: KeepAlives;
  /** 0: idle sandboxes are never frozen. */
  readonly freezeAfterMs: number;
}

/** The sandboxes of one revision of a function that start or live, and the memory that each counts with. */
export class Stock {
  readonly live = new Set<Instance>();
  readonly #fn: Fn;
  readonly #app: App | null;
  readonly #parts: PoolParts;
  readonly #ended: (instance: Instance) => void;
  readonly #starts = new Set<Promise<unknown>>();
  #starting = 0;
  /** Of those, the ones that wait for what they start from. */
  #preparing = 0;
  /** When the last of them had it, monotonic ms. */
  #preparedAt = Number.NEGATIVE_INFINITY;

  /** `ended` is called when one has ended, for whatever reason, and was forgotten. */
  constructor(fn: Fn, app: App | null, parts: PoolParts, ended: (instance: Instance) => void) {
    this.#fn = fn;
    this.#app = app;
    this.#parts = parts;
    this.#ended = ended;
  }

  get starting(): number {
    return this.#starting;
  }

  get size(): number {
    return this.live.size + this.#starting;
  }

  /** Takes the memory of a new one, which `make` then makes; false where there is none, or it is another namespace's turn. `since`: when the call began to wait that wants it. */
  reserve(since?: number): boolean {
    if (!this.#reserve(this.#fn.memoryMiB, since)) return false;
    this.#starting++;
    return true;
  }

  /** The same where that much is free: nothing is evicted. */
  reserveSpare(): boolean {
    if (!this.#parts.memory.reserveSpare(this.#fn.memoryMiB, 0)) return false;
    this.#starting++;
    return true;
  }

  /**
   * Makes one, after `reserve`. Rejects with the reason, its memory given back. `request`: the call it is made for, where the
   * protocol serves one call a process; `first` tells which call it is for, as far as one waits: how urgent the start is, and who reads what
   * was printed by one that failed.
   */
  async make(request: FunctionRequest | null, first: () => AgentCall | undefined): Promise<Instance> {
    const start = this.#parts.starter.start(this.#fn, this.#app, request, {
      ended: (instance) => this.#hasEnded(instance),
      preparing: () => {
        this.#preparing++;
        return () => {
          this.#preparing--;
          this.#preparedAt = this.#parts.world.monotonic();
        };
      },
      failed: (lines) => {
        for (const line of lines) first()?.log(line);
      },
      isUrgent: () => isAwaited(first()),
    });
    this.#starts.add(start);
    try {
      const instance = await start;
      instance.countedMiB = this.#fn.memoryMiB;
      this.live.add(instance);
      // It may have ended while it was being made known.
      if (instance.ended) this.#hasEnded(instance);
      return instance;
    } catch (error) {
      this.#parts.memory.release(this.#fn.memoryMiB);
      throw error;
    } finally {
      this.#starting--;
      this.#starts.delete(start);
    }
  }

  /** Somebody waits now for the answer of a call that waits for one that is being made. */
  hurry(): void {
    if (this.#starting > 0) this.#parts.starter.hurry();
  }

  /** Whether one in which a call has just ended has to end with the others in it, because another namespace waits for its memory. */
  mustLeave({ activeCalls, countedMiB, provision }: Instance): boolean {
    // What is kept ready has its memory for good: it is less than all.
    if (provision !== "none") return false;
    // Without a call it no longer counts as held.
    return this.#parts.shares.mustLeave(this.#fn.namespace, activeCalls > 0 ? 0 : countedMiB, Number.POSITIVE_INFINITY);
  }

  /** An idle one counts with its limit again, because a call begins; false where there is no room for that. */
  claim(instance: Instance, since?: number): boolean {
    const missingMiB = this.#fn.memoryMiB - instance.countedMiB;
    if (missingMiB > 0 && !this.#reserve(missingMiB, since)) return false;
    instance.countedMiB += missingMiB;
    return true;
  }

  /** An idle one counts with what it uses, where that is known; one that is kept ready with its limit, which its next call finds. */
  recount(instance: Instance): void {
    const isKept = instance.provision === "kept";
    const useMiB = isKept ? instance.countedMiB : Math.min(instance.usedMiB ?? this.#fn.memoryMiB, this.#fn.memoryMiB);
    const differenceMiB = useMiB - instance.countedMiB;
    instance.countedMiB = useMiB;
    this.#parts.memory.correct(differenceMiB);
  }

  /** Ends one; its memory counts as free at once. */
  stop(instance: Instance): void {
    instance.ended = true;
    this.forget(instance);
    void instance.stop("spindown");
  }

  /** Once an instance, whoever comes first: eviction, idle time or its own end. */
  forget(instance: Instance): void {
    if (!this.live.delete(instance)) return;
    instance.watchOff?.();
    this.#parts.memory.release(instance.countedMiB);
    instance.countedMiB = 0;
  }

  /** Ends all, those that are being started included. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#starts);
    await Promise.all([...this.live].map((instance) => instance.stop("spindown")));
  }

  /** What a call is told that waited in vain; null: it waited for an image, whose fetching has a limit of its own. */
  noRoom(waitedMs: number): PlatformError | null {
    const isFetching = this.#preparing > 0 || this.#parts.world.monotonic() - this.#preparedAt < waitedMs;
    if (this.#fn.source.type === "image" && isFetching && this.live.size === 0) return null;
    return this.#preparing > 0 ? stillPreparing(this.#fn, waitedMs) : overloaded(this.#fn, waitedMs);
  }

  /** Takes some memory, for a sandbox that then holds its limit. */
  #reserve(sizeMiB: number, since = Number.POSITIVE_INFINITY): boolean {
    const { memory, shares } = this.#parts;
    const lastResort = () => since < Number.POSITIVE_INFINITY && this.#isStuck();
    if (!shares.mustLeave(this.#fn.namespace, this.#fn.memoryMiB, since)) return memory.reserve(sizeMiB, lastResort);
    memory.refuse();
    return false;
  }

  /** Nothing runs or starts: calls that wait might never be served. For one sandbox then even what is kept ready elsewhere is given up. */
  #isStuck(): boolean {
    if (this.#starting > 0) return false;
    for (const { activeCalls } of this.live) if (activeCalls > 0) return false;
    return true;
  }

  #hasEnded(instance: Instance): void {
    this.forget(instance);
    this.#ended(instance);
  }
}

/** Somebody waits for the answer of this call, if there is one. */
function isAwaited(call: AgentCall | undefined): boolean {
  return call !== undefined && call.background !== true;
}

function overloaded(fn: Fn, waitedMs: number): PlatformError {
  return new PlatformError(
    "overloaded",
    `No room for function ${fn.name}: no sandbox got free within ${waitedMs} ms and none can be added (at most ${fn.sandboxesMax}, and the memory of the machine)`,
    { details: { limit: "sandboxes", retryAfterS: 1 } },
  );
}

function stillPreparing({ name, source }: Fn, waitedMs: number): PlatformError {
  const what = "kind" in source ? `the kind ${source.kind}` : "its image";
  return new PlatformError(
    "overloaded",
    `Function ${name} cannot start yet: ${what} was still being made ready after ${waitedMs} ms, which takes longest at its first use; try again`,
    { details: { limit: "preparing", retryAfterS: 2 } },
  );
}
