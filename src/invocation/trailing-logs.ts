import type { World } from "../lib/world.ts";
import type { CallLog } from "../logs/collector.ts";

/** Output may trail its call by this long, in ms: it comes on a way of its own. */
const trailingMs = 100;

/** Logs of calls that are over, ended a moment later; one timer for all of them. */
export class TrailingLogs {
  readonly #world: World;
  #young: CallLog[] = [];
  #old: CallLog[] = [];
  #armed = false;

  constructor(world: World) {
    this.#world = world;
  }

  /** Ends the log after at least 100 and at most 200 ms. */
  add(log: CallLog): void {
    this.#young.push(log);
    this.#arm();
  }

  /** Ends all at once. */
  endAll(): void {
    for (const log of [...this.#old, ...this.#young]) log.end();
    this.#old = [];
    this.#young = [];
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    this.#world.after(trailingMs, () => {
      this.#armed = false;
      for (const log of this.#old) log.end();
      this.#old = this.#young;
      this.#young = [];
      if (this.#old.length > 0) this.#arm();
    });
  }
}
