/**
 * Time, chance and ids, handed in from outside. No room calls `Date.now`, `setTimeout` or `Math.random` itself, so that a
 * test can run the same code under a clock of its own and a simulation under a seed.
 */
import { randomFillSync } from "node:crypto";
import { idMaker } from "../model/id.ts";

export interface World {
  /** Wall clock, whole milliseconds since the epoch: for records, never for measuring. */
  now(): number;
  /** Milliseconds of a clock that never steps back, with fractions: for durations and deadlines. */
  monotonic(): number;
  /** Calls `run` once after `ms`; the returned function calls it off. Does not keep the process alive. */
  after(ms: number, run: () => void): () => void;
  /** A number from 0 to below 1. Not for secrets. */
  random(): number;
  /** A new 128-bit id (`model/id.ts`). */
  newId(): string;
  /** For tests that kill the process between two steps; absent in the real world, where passing a point costs a look. */
  crashPoint?(name: CrashPoint): void;
}

/** Where an asynchronous call can be cut off: it is on the disk, on lease, has run, has its record, is out of the queue. */
export type CrashPoint = "enqueue" | "lease" | "run" | "record" | "acknowledge";

/** The real one. */
export function realWorld(): World {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after(ms, run) {
      const timer = setTimeout(run, ms);
      timer.unref();
      return () => clearTimeout(timer);
    },
    random: () => Math.random(),
    newId: idMaker(() => Date.now(), randomPool()),
  };
}

/** Random bytes from a stock, because asking the system costs microseconds each time. */
function randomPool(): (bytes: Uint8Array) => void {
  const stock = Buffer.alloc(4096);
  let used = stock.length;
  return (bytes) => {
    if (used + bytes.length > stock.length) {
      randomFillSync(stock);
      used = 0;
    }
    bytes.set(stock.subarray(used, used + bytes.length));
    used += bytes.length;
  };
}
