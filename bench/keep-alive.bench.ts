import { fixedKeepAlive, type KeepAlive, keepAliveOf } from "../src/agent/keep-alive.ts";
import { limits } from "../src/model/limits.ts";
import { type Bench, compare } from "./bench.ts";

const seed = 20_260_121;
const functionsOfKind = 75;
const lengthMs = 3 * 24 * 3_600_000;
const memoryMiB = limits.memoryMiB.default;
const idleTimeoutMs = limits.idleTimeoutMs.default;
const minuteMs = 60_000;

/** What a policy costs on a trace. */
interface Cost {
  colds: number;
  /** Sandboxes that nobody called, times how long. */
  idleMs: number;
}

/**
 * The policies of `agent/keep-alive.ts` on a trace that is made from a seed, without sandboxes: three days of 300 functions, whose calls come by the
 * clock, in bursts, at random or rarely. A policy that keeps everything has no cold starts, so it is compared at the same memory, too: with the
 * fixed idle timeout that wastes as much.
 */
export const bench: Bench = {
  question: "How many cold starts does the learned keep-alive save beside a fixed idle timeout, and what does it hold for that?",
  unit: "cold starts or GiB hours",
  async run() {
    const kinds = traces();
    const all = Object.values(kinds).flat();
    const fixed = replayed(all, () => fixedKeepAlive, idleTimeoutMs);
    const learned = replayed(all, () => keepAliveOf("learned"), idleTimeoutMs);
    const equalMs = timeoutAsWasteful(all, learned.idleMs);
    const equal = replayed(all, () => fixedKeepAlive, equalMs);
    const always = replayed(all, () => fixedKeepAlive, 10 * minuteMs);
    for (const [kind, calls] of Object.entries(kinds)) {
      const before = replayed(calls, () => fixedKeepAlive, idleTimeoutMs);
      const after = replayed(calls, () => keepAliveOf("learned"), idleTimeoutMs);
      say(`${kind} (${calls.flat().length} calls)`, before, after);
    }
    say("all", fixed, learned);
    process.stderr.write(`fixed 10 min: ${shown(always)}; fixed ${Math.round(equalMs / 1000)} s: ${shown(equal)}\n`);
    return {
      n: all.length,
      checks: [
        compare("cold starts, learned", learned.colds, `fixed ${idleTimeoutMs / 1000} s`, fixed.colds, 0.6),
        compare("cold starts, learned", learned.colds, "a fixed time with the same waste", equal.colds, 0.75),
        compare("wasted, learned", gibHours(learned), "fixed 10 min", gibHours(always), 1),
      ],
    };
  },
};

/** When each function is called, by kind of function; monotonic ms. */
function traces(): Record<string, number[][]> {
  const random = randomFrom(seed);
  const between = (least: number, most: number) => least * (most / least) ** random();
  const exponential = (meanMs: number) => -Math.log(1 - random()) * meanMs;
  const many = (make: () => () => number) =>
    Array.from({ length: functionsOfKind }, () => {
      const gap = make();
      const times: number[] = [];
      for (let at = exponential(10 * minuteMs); at < lengthMs; at += gap()) times.push(at);
      return times;
    });
  return {
    periodic: many(() => {
      const periodMs = between(minuteMs / 2, 120 * minuteMs);
      return () => periodMs * (0.98 + 0.04 * random());
    }),
    bursty: many(() => {
      const [pauseMs, callsOfBurst] = [between(10 * minuteMs, 240 * minuteMs), between(5, 50)];
      return () => (random() < 1 / callsOfBurst ? pauseMs * (0.5 + random()) : exponential(500));
    }),
    poisson: many(() => {
      const meanMs = between(5000, 30 * minuteMs);
      return () => exponential(meanMs);
    }),
    rare: many(() => {
      const meanMs = between(180 * minuteMs, 1440 * minuteMs);
      return () => exponential(meanMs);
    }),
  };
}

function replayed(functions: readonly number[][], policy: () => KeepAlive, timeoutMs: number): Cost {
  const cost = { colds: 0, idleMs: 0 };
  for (const times of functions) replay(times, policy(), timeoutMs, cost);
  return cost;
}

/** One function, whose calls find the one sandbox it needs, or start it. */
function replay(times: readonly number[], policy: KeepAlive, timeoutMs: number, cost: Cost): void {
  const runMs = 100;
  let endedAt = Number.NEGATIVE_INFINITY;
  for (const at of times) {
    const idleMs = at - endedAt;
    if (idleMs === Number.POSITIVE_INFINITY) cost.colds++;
    else if (idleMs > 0) {
      const { lastMs, again } = policy.plan(timeoutMs);
      cost.idleMs += Math.min(idleMs, lastMs);
      if (again !== null) cost.idleMs += Math.max(0, Math.min(idleMs, again.untilMs) - again.fromMs);
      const isThere = idleMs <= lastMs || (again !== null && idleMs >= again.fromMs && idleMs <= again.untilMs);
      if (!isThere) cost.colds++;
    }
    policy.begun(at, timeoutMs);
    endedAt = Math.max(endedAt, at + runMs);
    policy.ended(endedAt);
  }
}

/** The fixed idle timeout that keeps idle sandboxes for about so long. */
function timeoutAsWasteful(all: readonly number[][], idleMs: number): number {
  let [least, most] = [1000, 240 * minuteMs];
  while (most / least > 1.01) {
    const middle = Math.sqrt(least * most);
    if (replayed(all, () => fixedKeepAlive, middle).idleMs < idleMs) least = middle;
    else most = middle;
  }
  return most;
}

function say(what: string, fixed: Cost, learned: Cost): void {
  process.stderr.write(`${what}: fixed ${shown(fixed)}; learned ${shown(learned)}\n`);
}

function shown(cost: Cost): string {
  return `${cost.colds} cold, ${gibHours(cost).toFixed(1)} GiB h`;
}

function gibHours({ idleMs }: Cost): number {
  return ((idleMs / 3_600_000) * memoryMiB) / 1024;
}

/** Numbers from 0 to 1, the same for the same seed. (Mulberry32) */
function randomFrom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
