import type { World } from "../lib/world.ts";

/** So long after the last one, callers are still expected, in ms. */
const quietAfterMs = 100;

/** Whether somebody waits for an answer: then asynchronous calls hold back. */
export class Traffic {
  readonly #world: World;
  #underway = 0;
  #leftAt = Number.NEGATIVE_INFINITY;

  constructor(world: World) {
    this.#world = world;
  }

  enter(): void {
    this.#underway++;
  }

  leave(): void {
    this.#underway--;
    this.#leftAt = this.#world.monotonic();
  }

  get busy(): boolean {
    return this.#underway > 0 || this.#world.monotonic() - this.#leftAt < quietAfterMs;
  }
}
