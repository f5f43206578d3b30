import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { IdleTimes } from "./idle-times.ts";
import { keepAliveOf, type KeepPlan } from "./keep-alive.ts";

const second = 1000;
const minute = 60 * second;
const idleTimeoutMs = 30 * second;

/** What is planned after calls of 100 ms with these pauses between them. */
function planned(pausesMs: readonly number[]): KeepPlan {
  const policy = keepAliveOf("learned");
  let now = 0;
  for (const pauseMs of [0, ...pausesMs]) {
    now += pauseMs;
    policy.begun(now, idleTimeoutMs);
    now += 100;
    policy.ended(now);
  }
  return policy.plan(idleTimeoutMs);
}

const fixed: KeepPlan = { eachMs: idleTimeoutMs, lastMs: idleTimeoutMs, again: null };
const times = (count: number, ...pausesMs: number[]) => Array.from({ length: count }, () => pausesMs).flat();
/** The same numbers each time, from 0 to 1, evenly spread. */
const spread = Array.from({ length: 100 }, (_, i) => (i * 0.618_034) % 1);
const exponential = (meanMs: number) => spread.map((part) => -Math.log(1 - part) * meanMs);

describe("learned keep-alive", () => {
  test("as fixed, while little is known", () => {
    assert.deepEqual(planned([]), fixed);
    assert.deepEqual(planned(times(4, 10 * minute)), fixed);
  });

  test("by the clock: ends soon, and is there again around the time of the next call", () => {
    const { eachMs, lastMs, again } = planned(times(6, 10 * minute));
    assert.deepEqual([eachMs, lastMs], [10 * second, 10 * second]);
    assert.ok(again !== null && again.fromMs < 10 * minute && again.fromMs > 7 * minute, `from ${again?.fromMs}`);
    assert.ok(again.untilMs > 10 * minute && again.untilMs < 14 * minute, `until ${again.untilMs}`);
  });

  test("pauses a little longer than the idle timeout: kept until they end", () => {
    const { eachMs, lastMs, again } = planned(times(10, 12 * second, 40 * second, 50 * second));
    assert.deepEqual([eachMs, again], [idleTimeoutMs, null]);
    assert.ok(lastMs > 50 * second && lastMs < 75 * second, `${lastMs}`);
  });

  test("bursts: what happens within them says nothing about when the next one comes", () => {
    const { eachMs, again } = planned(times(6, ...times(30, 200), 60 * minute));
    assert.equal(eachMs, 10 * second);
    assert.ok(again !== null && again.fromMs < 60 * minute && again.untilMs > 60 * minute);
  });

  test("at random, often: kept; at random, rarely: as fixed, because it would cost too much", () => {
    const often = planned(exponential(2 * minute));
    assert.ok(often.again === null && often.lastMs > 4 * minute);
    assert.deepEqual(planned(exponential(60 * minute)), fixed);
  });

  test("only after pauses of days: as fixed", () => {
    assert.deepEqual(planned(times(10, 100 * 60 * minute)), fixed);
  });

  test("a function that changes its ways is understood anew", () => {
    const { again } = planned([...times(150, 10 * minute), ...times(300, 60 * minute)]);
    assert.ok(again !== null && again.fromMs > 45 * minute);
  });

  test("calls at a time: only when none runs is it idle", () => {
    const policy = keepAliveOf("learned");
    policy.begun(0, idleTimeoutMs);
    policy.begun(10, idleTimeoutMs);
    policy.ended(20);
    assert.equal(policy.idleSince, null);
    policy.ended(30);
    assert.equal(policy.idleSince, 30);
  });
});

function idleTimesOf(...ms: readonly number[]): IdleTimes {
  const all = new IdleTimes();
  for (const each of ms) all.add(each);
  return all;
}

describe("idle times", () => {
  test("a quantile is the bin of the time, a tenth wide", () => {
    const { fromMs, toMs } = idleTimesOf(5, 100, 1000, 60_000, 3_600_000).quantile(0.6);
    assert.ok(fromMs <= 1000 && toMs > 1000 && toMs / fromMs < 1.1);
    assert.deepEqual(idleTimesOf(0, 3).quantile(0.5), { fromMs: 0, toMs: 10 });
    assert.equal(idleTimesOf(1e12).quantile(1).toMs, Number.POSITIVE_INFINITY);
  });

  test("the mean time within a window counts what is outside as nothing or all of it", () => {
    const all = idleTimesOf(...Array.from({ length: 3 }, () => 1000), 1e12);
    assert.ok(Math.abs(all.meanWithin(500, 10_500) - (3 * 500 + 10_000) / 4) < 100);
  });

  test("it forgets by halves, and never counts more than it can", () => {
    const all = idleTimesOf(...Array.from({ length: 10_000 }, () => 1000));
    assert.ok(all.count >= 60 && all.count <= 120);
    all.add(3_600_000);
    assert.ok(all.quantile(0.98).toMs < 1200 && all.quantile(1).fromMs > 3_000_000);
  });
});
