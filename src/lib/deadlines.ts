import type { World } from "./world.ts";

/** Something with a time limit. The rest is the list's own: it is part of what it holds, so that adding one costs no memory. */
export interface Timed {
  /** Monotonic ms. */
  dueAt: number;
  earlier: Timed | null;
  later: Timed | null;
  timeUp(): void;
}

/**
 * Time limits of one length, which therefore end in the order in which they began: one timer for all of them. It is not called off
 * when the last one is over: it finds nobody, and is set again with the next.
 */
export class Deadlines {
  readonly #world: World;
  readonly #limitMs: number;
  #first: Timed | null = null;
  #last: Timed | null = null;
  #armed = false;

  constructor(world: World, limitMs: number) {
    this.#world = world;
    this.#limitMs = limitMs;
  }

  /** Calls `timed.timeUp` once when its time is up. `now`: monotonic ms. */
  add(timed: Timed, now: number): void {
    timed.dueAt = now + this.#limitMs;
    timed.earlier = this.#last;
    timed.later = null;
    if (this.#last === null) this.#first = timed;
    else this.#last.later = timed;
    this.#last = timed;
    if (!this.#armed) this.#arm(this.#limitMs);
  }

  /** Nothing happens where it is not in the list any more. */
  remove(timed: Timed): void {
    const { earlier, later } = timed;
    if (earlier !== null) earlier.later = later;
    else if (this.#first === timed) this.#first = later;
    else return;
    if (later !== null) later.earlier = earlier;
    else this.#last = earlier;
    timed.earlier = null;
    timed.later = null;
  }

  #arm(ms: number): void {
    this.#armed = true;
    this.#world.after(ms, () => this.#look());
  }

  #look(): void {
    this.#armed = false;
    const now = this.#world.monotonic();
    for (let first = this.#first; first !== null && first.dueAt <= now; first = this.#first) {
      this.remove(first);
      first.timeUp();
    }
    // A timer of a fraction of a millisecond may fire before its time.
    if (this.#first !== null && !this.#armed) this.#arm(Math.ceil(this.#first.dueAt - now));
  }
}
