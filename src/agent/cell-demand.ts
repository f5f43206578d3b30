import type { StemCellRule } from "../config/stem-cells.ts";

/** Calls that found no cell count for so long, in ms. */
const countedForMs = 60_000;

/**
 * How many stem cells of a rule there are to be: more after calls that found none, fewer when some were left over for the whole of
 * `ttlMs`. Without clock and sandboxes of its own, so that it can be tested as a table.
 */
export class CellDemand {
  readonly #rule: StemCellRule;
  #wanted: number;
  #misses: number[] = [];
  /** The fewest that were ready since `#windowAt`. */
  #leastReady = 0;
  #windowAt: number;

  constructor(rule: StemCellRule, now: number) {
    this.#rule = rule;
    this.#wanted = rule.reactive === null ? rule.count : clamp(rule.count, rule.reactive.min, rule.reactive.max);
    this.#windowAt = now;
  }

  get wanted(): number {
    return this.#wanted;
  }

  /** When to ask `shrink` again, monotonic ms; null: never. */
  get shrinkAt(): number | null {
    const { reactive } = this.#rule;
    return reactive === null || this.#wanted <= reactive.min ? null : this.#windowAt + reactive.ttlMs;
  }

  /** A call came that would have taken one, and there was none. */
  missed(now: number): void {
    const { reactive } = this.#rule;
    if (reactive === null) return;
    this.#misses = [...this.#misses.filter((at) => at > now - countedForMs), now];
    if (this.#misses.length < reactive.threshold) return;
    this.#misses = [];
    this.#wanted = clamp(this.#wanted + reactive.increment, reactive.min, reactive.max);
    this.#begin(now, 0);
  }

  /** One was taken, or ended; so many are left. */
  left(ready: number): void {
    this.#leastReady = Math.min(this.#leastReady, ready);
  }

  /** To be called at `shrinkAt`: those that were never needed since the last time are not wanted any more. */
  shrink(now: number, ready: number): void {
    const { reactive } = this.#rule;
    if (reactive === null || now < this.#windowAt + reactive.ttlMs) return;
    this.#wanted = Math.max(reactive.min, this.#wanted - Math.min(this.#leastReady, ready));
    this.#begin(now, ready);
  }

  #begin(now: number, ready: number): void {
    this.#windowAt = now;
    this.#leastReady = ready;
  }
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}
