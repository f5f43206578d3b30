/** Throwing away what is old, a little at a time and off everybody's way. */
import type { World } from "./world.ts";

export interface SweepOptions {
  readonly world: World;
  /** Time between rounds, and between the steps of one, in ms. */
  readonly everyMs: number;
  readonly pauseMs: number;
  /** Each removes a little and resolves with false when there is nothing (left) to remove. */
  readonly steps: readonly (() => Promise<boolean>)[];
  /** A step failed; it is tried again in the next round. */
  readonly failed: (error: unknown) => void;
}

/** Begins the rounds, the first one soon; the returned function ends them and waits for the step under way. */
export function startSweep(options: SweepOptions): () => Promise<void> {
  const sweep = new Sweep(options);
  const ended = sweep.run();
  return async () => {
    sweep.stop();
    await ended;
  };
}

const firstAfterMs = 1000;

class Sweep {
  readonly #options: SweepOptions;
  #stopped = false;
  #wake: (() => void) | null = null;

  constructor(options: SweepOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { everyMs, steps } = this.#options;
    await this.#pause(Math.min(everyMs, firstAfterMs));
    while (!this.#stopped) {
      for (const step of steps) await this.#exhaust(step);
      await this.#pause(everyMs);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  async #exhaust(step: () => Promise<boolean>): Promise<void> {
    try {
      while (!this.#stopped && (await step())) await this.#pause(this.#options.pauseMs);
    } catch (error) {
      if (!this.#stopped) this.#options.failed(error);
    }
  }

  async #pause(ms: number): Promise<void> {
    if (this.#stopped) return;
    await new Promise<void>((resolve) => {
      const callOff = this.#options.world.after(ms, resolve);
      this.#wake = () => {
        callOff();
        resolve();
      };
    });
  }
}
