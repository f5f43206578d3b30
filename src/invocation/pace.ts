import type { World } from "../lib/world.ts";
import type { Traffic } from "./traffic.ts";

/** While callers wait, a rest so many times as long as the work follows it. */
const restFactor = 4;
/** After the rest, work begins between two of their calls; where there is no such moment, so long after it, in ms. */
const gapMsMax = 50;
/** A call that takes longer mostly waits itself, and what it does harms nobody much: rests are no longer than this allows. */
const workMsMax = 20;
/** A call older than this does not keep others from being started, in ms. */
const youngMs = 1000;

export interface Room {
  readonly calls: number;
  /** When to ask again if there are none, in ms; null: when one ends. */
  readonly againMs: number | null;
  /** Earlier, if nobody waits for an answer for a moment. */
  readonly inGap: boolean;
}

export interface PaceOptions {
  readonly world: World;
  readonly traffic: Traffic;
  /** Calls at a time when nobody waits for an answer. */
  readonly callsMax: number;
  /** Young calls at a time while somebody does. */
  readonly busyCallsMax: number;
}

/**
 * How many asynchronous calls may be started now. With nobody waiting for an answer, as many as there are slots; else few, between
 * two of the calls that are waited for, and each is followed by a rest of four times as long as it took from the queue to the last
 * thing written, so that four fifths of the machine are left to those who wait.
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

  /** A call is run that was taken from the queue by a look that began then. */
  began(lookedAt: number): void {
    this.#running++;
    this.#starts.push(lookedAt);
  }

  /** Its code is done. */
  ended(): void {
    this.#running--;
  }

  /** Everything of it is written. */
  settled(beganAt: number): void {
    const now = this.#options.world.monotonic();
    this.#starts.splice(this.#starts.indexOf(beganAt), 1);
    const workMs = Math.min(now - beganAt, workMsMax);
    if (this.#options.traffic.busy) this.#restUntil = Math.max(now, this.#restUntil) + restFactor * workMs;
  }

  get room(): Room {
    const { world, traffic, callsMax, busyCallsMax } = this.#options;
    const free = callsMax - this.#running;
    if (free <= 0) return none(null);
    if (!traffic.busy) {
      this.#restUntil = 0;
      return { calls: free, againMs: null, inGap: false };
    }
    const now = world.monotonic();
    const restMs = this.#restUntil - now;
    const young = this.#starts.filter((at) => now - at < youngMs).length;
    if (restMs > 0) return none(restMs);
    if (young >= busyCallsMax) return none(youngMs);
    if (!traffic.hasGap && restMs + gapMsMax > 0) return { calls: 0, againMs: restMs + gapMsMax, inGap: true };
    return { calls: Math.min(free, busyCallsMax - young), againMs: null, inGap: false };
  }
}

function none(againMs: number | null): Room {
  return { calls: 0, againMs, inGap: false };
}
