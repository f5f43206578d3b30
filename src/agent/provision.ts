import type { World } from "../lib/world.ts";
import type { Fn } from "../model/model.ts";
import type { Instance } from "./instance.ts";
import type { Stock } from "./stock.ts";

/** What its pool does for it. */
export interface ProvisionFate {
  /** Starts one, for which the memory is taken. */
  start(): void;
  /** It is idle, and one that took its place is there. */
  over(instance: Instance): void;
  /** It is a sandbox like any other again. */
  released(instance: Instance): void;
}

/** What there was no room for is tried again so often, in ms. */
const againMs = 1000;
/** After a failure the next try waits so long, and twice as long after each further one, in ms. */
const retryMsMin = 250;
const retryMsMax = 60_000;

/**
 * The sandboxes of a pool that are kept ready (docs/decisions/0017-keep-warm.md).
 *
 * A *kept* sandbox counts with its limit also while it is idle, so that its next call takes no memory; it has no idle time, and is
 * evicted only for the one sandbox of a function of which nothing runs. Whatever ends one, another is made. One that grows old is *aging*: it serves until
 * another took its place, or its time is up. A sandbox that calls started is kept, too, where one is missing.
 */
export class Provision {
  readonly #world: World;
  readonly #stock: Stock;
  readonly #fn: Fn;
  readonly #fate: ProvisionFate;
  #wanted = 0;
  /** Of starts, and sandboxes that ended by themselves without a call, since one served a call. */
  #failures = 0;
  /** Nothing is started before, monotonic ms. */
  #notBefore = 0;
  #lookOff: (() => void) | null = null;

  constructor(world: World, stock: Stock, fn: Fn, fate: ProvisionFate) {
    this.#world = world;
    this.#stock = stock;
    this.#fn = fn;
    this.#fate = fate;
  }

  get wanted(): number {
    return this.#wanted;
  }

  /** Those that are there, busy ones included. */
  get ready(): number {
    let count = 0;
    for (const instance of this.#stock.live) if (isKept(instance)) count++;
    return count;
  }

  /** Keeps so many from now on. */
  set(count: number): void {
    this.#wanted = count;
    this.#failures = 0;
    this.#notBefore = 0;
    this.#release(this.ready - count);
    this.#look();
  }

  /** One has started; called before anything else is done with it. */
  made(instance: Instance): void {
    if (this.#wanted === 0) return;
    if (this.ready < this.#wanted) instance.provision = "kept";
    if (this.ready >= this.#wanted) this.#endAging();
  }

  /** One will soon be too old: another is made while it still serves. */
  age(instance: Instance): void {
    instance.provision = "aging";
    this.#look();
  }

  /** A sandbox ended, or gets no more calls. */
  ended(instance: Instance): void {
    if (this.#wanted === 0) return;
    if (instance.used) this.#failures = 0;
    else if (instance.provision === "kept" && instance.activeCalls === 0) this.#failed();
    this.#look();
  }

  /** A start failed. */
  startFailed(): void {
    if (this.#wanted === 0) return;
    this.#failed();
    this.#look();
  }

  #failed(): void {
    this.#notBefore = this.#world.monotonic() + Math.min(retryMsMax, retryMsMin * 2 ** this.#failures++);
  }

  #look(): void {
    this.#lookOff?.();
    this.#lookOff = null;
    this.#adopt();
    while (this.#missing > 0 && this.#world.monotonic() >= this.#notBefore && this.#mayStart()) this.#fate.start();
    if (this.#missing <= 0) return;
    const failedMs = this.#notBefore - this.#world.monotonic();
    this.#lookIn(failedMs > 0 ? failedMs : againMs);
  }

  /** Without those that start for calls: they will be kept. */
  get #missing(): number {
    return this.#wanted - this.ready - this.#stock.starting;
  }

  #mayStart(): boolean {
    return this.#stock.size < this.#fn.sandboxesMax && this.#stock.reserve();
  }

  #lookIn(ms: number): void {
    this.#lookOff = this.#world.after(Math.ceil(ms), () => this.#look());
  }

  /** Sandboxes that calls started are as good. One whose memory can't be had now is at least not ended. */
  #adopt(): void {
    for (const instance of this.#stock.live) {
      if (this.#missing <= 0) return;
      if (instance.provision !== "none" || instance.ended || instance.retired) continue;
      instance.provision = "kept";
      this.#stock.claim(instance);
    }
  }

  #release(count: number): void {
    let left = count;
    for (const instance of this.#stock.live) {
      if (left <= 0) return;
      if (!isKept(instance)) continue;
      left--;
      instance.provision = "none";
      this.#fate.released(instance);
    }
  }

  #endAging(): void {
    for (const instance of this.#stock.live) {
      if (instance.provision !== "aging") continue;
      instance.retired = true;
      if (instance.activeCalls === 0) this.#fate.over(instance);
    }
  }
}

function isKept({ provision, ended, retired }: Instance): boolean {
  return provision === "kept" && !ended && !retired;
}
