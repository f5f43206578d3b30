import type { World } from "../lib/world.ts";
import type { Fn } from "../model/model.ts";
import { cpuWeightMax } from "../sandbox/sandbox.ts";
import type { Instance } from "./instance.ts";
import type { Pool } from "./pool.ts";

/** What is asked of a pool. */
type Member = Pick<Pool, "fn" | "starting" | "live">;

/** How often the weights are looked at while two namespaces use the processors, and while they only have sandboxes, in ms. */
const busyLookMs = 100;
const quietLookMs = 1000;
/** A sandbox counts as used for so long after its last call, in ms. */
const usedForMs = 1000;
/** A weight that is off by less than this factor is left alone. */
const slack = 1.2;

/**
 * What each sandbox gets of the processors when they are short: the sandboxes of each namespace that are in use weigh `cpuWeightMax`
 * together, each as much as its part of their memory, so that a namespace gets no more by having more of them. With one namespace on
 * the machine nothing is done. No call pays for this: one timer looks at all sandboxes.
 */
export class CpuShares {
  readonly #world: World;
  readonly #pools: () => Iterable<Member>;
  #looking = false;

  constructor(world: World, pools: () => Iterable<Member>) {
    this.#world = world;
    this.#pools = pools;
  }

  /** The weight of a sandbox that is about to start; undefined: what its memory makes. */
  ofNew(fn: Fn): number | undefined {
    const used = this.#used();
    if (used.all.size < 2) return undefined;
    if (!this.#looking) this.#lookLater(busyLookMs);
    // One that starts is counted already.
    return weightOf(fn, used.all.get(fn.namespace) ?? 0);
  }

  #lookLater(ms: number): void {
    this.#looking = true;
    this.#world.after(ms, () => this.#look());
  }

  #look(): void {
    this.#looking = false;
    const { all, busy } = this.#used();
    if (all.size < 2) return;
    for (const { fn, live } of this.#pools()) {
      const weight = weightOf(fn, all.get(fn.namespace) ?? 0);
      for (const instance of live) if (this.#isUsed(instance) && isOff(instance.cpuWeight, weight)) instance.weigh(weight);
    }
    this.#lookLater(busy > 1 ? busyLookMs : quietLookMs);
  }

  /** The memory of each namespace's sandboxes that are in use, in MiB, of all that have sandboxes; and how many use some. */
  #used(): { readonly all: ReadonlyMap<string, number>; readonly busy: number } {
    const all = new Map<string, number>();
    for (const { fn, starting, live } of this.#pools()) {
      let count = starting;
      let has = starting > 0;
      for (const instance of live) {
        has = true;
        if (this.#isUsed(instance)) count++;
      }
      if (has) all.set(fn.namespace, (all.get(fn.namespace) ?? 0) + count * fn.memoryMiB);
    }
    let busy = 0;
    for (const sizeMiB of all.values()) if (sizeMiB > 0) busy++;
    return { all, busy };
  }

  #isUsed({ activeCalls, idleSince }: Instance): boolean {
    return activeCalls > 0 || this.#world.monotonic() - idleSince < usedForMs;
  }
}

function weightOf({ memoryMiB }: Fn, usedMiB: number): number {
  return Math.max(1, Math.min(cpuWeightMax, (cpuWeightMax * memoryMiB) / Math.max(memoryMiB, usedMiB)));
}

function isOff(weight: number | null, wanted: number): boolean {
  return weight === null || weight > wanted * slack || wanted > weight * slack;
}
