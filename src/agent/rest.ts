import type { World } from "../lib/world.ts";
import type { Fn } from "../model/model.ts";
import type { Instance } from "./instance.ts";
import type { PoolParts } from "./stock.ts";
import type { Counters } from "./stats.ts";

/** What its pool hears of a sandbox at rest. */
export interface RestFate {
  /** Its memory was measured while it was idle. */
  measured(instance: Instance): void;
  /** It is idle and to be ended. */
  over(instance: Instance): void;
  /** When it ends if it stays idle, monotonic ms. */
  endsAt(instance: Instance): number;
  /** It is kept ready, and soon too old. */
  aging(instance: Instance): void;
}

/** An idle sandbox that is never frozen is measured after so long, in ms. */
const measureAfterMs = 100;
/** One that holds more than this part of its limit after its calls is replaced: the next call would meet the limit. */
const heldPartMax = 0.9;
/** A freeze is in vain when a call ends it before this many times the wait for it; the next wait is twice as long, up to so many times the first. */
const vainTimes = 4;
const patienceMax = 8;
/** Another one is made for one that is kept ready this part of the greatest age before its time, at most so long, in ms. */
const agingPart = 0.1;
const agingMsMax = 30_000;

/**
 * What becomes of a sandbox between calls: it is frozen, then measured, and ended when it holds too much, when nobody used it for the idle
 * timeout, or when it is too old, in which case a busy one gets no new calls.
 *
 * One that is frozen and woken again and again costs more for that than for its calls: it is given more time, until it sleeps.
 *
 * One timer a sandbox, armed when a call ends and none runs, and armed again when it was used meanwhile: a call costs no timer, and a
 * busy sandbox is never frozen. Waking does not wait for the thaw: what is sent meanwhile waits in the sandbox's socket.
 */
export class Rest {
  readonly #fn: Fn;
  readonly #world: World;
  readonly #counters: Counters;
  readonly #fate: RestFate;
  readonly #afterMs: number;
  readonly #freezes: boolean;

  constructor(fn: Fn, { world, counters, freezeAfterMs }: PoolParts, fate: RestFate) {
    this.#fn = fn;
    this.#world = world;
    this.#counters = counters;
    this.#fate = fate;
    this.#freezes = freezeAfterMs > 0;
    this.#afterMs = freezeAfterMs > 0 ? freezeAfterMs : measureAfterMs;
  }

  /** A call ended, or the sandbox is new. */
  watch(instance: Instance): void {
    if (instance.watchOff === null && !instance.ended) this.#lookIn(instance, this.#afterMs * instance.patience);
  }

  /** What becomes of it may be different from now on. */
  review(instance: Instance): void {
    instance.watchOff?.();
    instance.watchOff = null;
    this.watch(instance);
  }

  /** Thaws one for a call. */
  wake(instance: Instance): void {
    this.#counters.thaws++;
    const inVain = this.#world.monotonic() - instance.frozenAt < this.#afterMs * instance.patience * vainTimes;
    instance.patience = inVain ? Math.min(2 * instance.patience, patienceMax) : 1;
    instance.thaw();
    instance.watchOff?.();
    instance.watchOff = null;
  }

  #lookIn(instance: Instance, ms: number): void {
    const now = this.#world.monotonic();
    const untilAgedMs = instance.madeAt + this.#ageMsMax(instance) - now;
    const untilIdleMs = instance.activeCalls > 0 ? ms : this.#fate.endsAt(instance) - now;
    // A timer of a fraction of a millisecond may fire before its time.
    const delayMs = Math.ceil(Math.max(1, Math.min(ms, untilAgedMs, untilIdleMs)));
    instance.watchOff = this.#world.after(delayMs, () => this.#look(instance));
  }

  #look(instance: Instance): void {
    instance.watchOff = null;
    if (instance.ended) return;
    const now = this.#world.monotonic();
    const ageMs = now - instance.madeAt;
    if (ageMs >= this.#fn.sandboxAgeMsMax) return this.#retire(instance);
    if (ageMs >= this.#ageMsMax(instance)) this.#fate.aging(instance);
    // The end of a call looks again.
    if (instance.activeCalls > 0) return;
    const idleMs = now - instance.idleSince;
    if (now >= this.#fate.endsAt(instance)) return this.#fate.over(instance);
    const afterMs = this.#afterMs * instance.patience;
    if (idleMs < afterMs) return this.#lookIn(instance, afterMs - idleMs);
    if (!instance.rested) void this.#settle(instance);
    this.#lookIn(instance, Number.POSITIVE_INFINITY);
  }

  /** The age at which something happens to it. */
  #ageMsMax({ provision }: Instance): number {
    const { sandboxAgeMsMax } = this.#fn;
    return provision === "kept" ? sandboxAgeMsMax - Math.min(agingMsMax, sandboxAgeMsMax * agingPart) : sandboxAgeMsMax;
  }

  #retire(instance: Instance): void {
    instance.retired = true;
    this.#counters.replacements.age++;
    if (instance.activeCalls === 0) this.#fate.over(instance);
  }

  async #settle(instance: Instance): Promise<void> {
    instance.rested = true;
    if (this.#freezes && instance.freeze(this.#world.monotonic())) this.#counters.freezes++;
    await instance.measure();
    if (instance.ended || !instance.rested) return;
    this.#fate.measured(instance);
    if (instance.ended || (instance.usedMiB ?? 0) <= this.#fn.memoryMiB * heldPartMax) return;
    this.#counters.replacements.memory++;
    this.#fate.over(instance);
  }
}
