import type { World } from "../lib/world.ts";
import type { Traffic } from "./traffic.ts";

/** While callers wait, asynchronous calls get this part of the time of those who run them. */
const restFactor = 9;
/** A call that takes longer mostly waits itself, and what it does harms nobody much: rests are no longer than this allows. */
const workMsMax = 20;
/** A call older than this does not keep others from being started, in ms. */
const youngMs = 1000;

export interface PaceOptions {
  readonly world: World;
  readonly traffic: Traffic;
  /** Calls at a time when nobody waits for an answer. */
  readonly callsMax: number;
  /** Young calls at a time while somebody does. */
  readonly busyCallsMax: number;
}

/**
 * How many asynchronous calls may be started now. With nobody waiting for an answer, as many as there are slots; else few, and each is
 * followed by a rest of nine times as long as it took, so that nine tenths of the machine are left to those who wait.
 */
export class Pace {
  readonly #options: PaceOptions;
  #starts: number[] = [];
  #restUntil = 0;
  #running = 0;

  constructor(options: PaceOptions) {
    this.#options = options;
  }

  get running(): number {
    return this.#running;
  }

  began(): number {
    const at = this.#options.world.monotonic();
    this.#running++;
    this.#starts.push(at);
    return at;
  }

  ended(beganAt: number): void {
    const now = this.#options.world.monotonic();
    this.#running--;
    this.#starts.splice(this.#starts.indexOf(beganAt), 1);
    const workMs = Math.min(now - beganAt, workMsMax);
    if (this.#options.traffic.busy) this.#restUntil = Math.max(now, this.#restUntil) + restFactor * workMs;
  }

  /** How many may be started now, and when to ask again if none (in ms; null: when one ends). */
  get room(): { readonly calls: number; readonly againMs: number | null } {
    const { world, traffic, callsMax, busyCallsMax } = this.#options;
    const free = callsMax - this.#running;
    if (free <= 0) return { calls: 0, againMs: null };
    if (!traffic.busy) {
      this.#restUntil = 0;
      return { calls: free, againMs: null };
    }
    const now = world.monotonic();
    const restMs = this.#restUntil - now;
    const young = this.#starts.filter((at) => now - at < youngMs).length;
    if (restMs > 0) return { calls: 0, againMs: restMs };
    if (young >= busyCallsMax) return { calls: 0, againMs: youngMs };
    return { calls: Math.min(free, busyCallsMax - young), againMs: null };
  }
}
