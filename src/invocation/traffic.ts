import type { World } from "../lib/world.ts";

/** So long after the last one, callers are still expected, in ms. */
const quietAfterMs = 100;

/** Whether somebody waits for an answer: then asynchronous calls hold back. */
export class Traffic {
  readonly #world: World;
  #underway = 0;
  #leftAt = Number.NEGATIVE_INFINITY;
  #heard: (() => void) | null = null;

  constructor(world: World) {
    this.#world = world;
  }

  enter(): void {
    this.#underway++;
  }

  leave(): void {
    if (--this.#underway === 0) this.#leftAt = this.#world.monotonic();
    if (this.#underway > 0 || this.#heard === null) return;
    const heard = this.#heard;
    this.#heard = null;
    heard();
  }

  /** Nobody waits right now, though a next caller may be expected. */
  get hasGap(): boolean {
    return this.#underway === 0;
  }

  /** Calls `heard` once, when the last one who waits now has his answer. */
  onceGap(heard: () => void): void {
    this.#heard = heard;
  }

  get busy(): boolean {
    return this.#underway > 0 || this.#world.monotonic() - this.#leftAt < quietAfterMs;
  }
}
