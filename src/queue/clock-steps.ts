import type { World } from "../lib/world.ts";

/** Less than this is the clock being kept right, in ms. */
const stepMs = 1000;

/** Notices when the wall clock was set, which times that are kept on a disk have to follow. */
export class ClockSteps {
  readonly #world: World;
  #offset: number;

  constructor(world: World) {
    this.#world = world;
    this.#offset = this.#now();
  }

  /** By how many ms the clock was set since `follow`, 0 when it was not. */
  get ms(): number {
    const ms = Math.round(this.#now() - this.#offset);
    return Math.abs(ms) < stepMs ? 0 : ms;
  }

  /** The step was taken into account. */
  follow(ms: number): void {
    this.#offset += ms;
  }

  #now(): number {
    return this.#world.now() - this.#world.monotonic();
  }
}
