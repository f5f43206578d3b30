import assert from "node:assert/strict";
import { createHistogram } from "node:perf_hooks";
import { test } from "node:test";
import { setWorld } from "../../test/set-world.ts";
import { halfMs, LoopDelay } from "./loop-delay.ts";

/** What Node counts: the delay and the 20 ms between two looks, in nanoseconds. */
const nanoseconds = (delayMs: number) => (delayMs + 20) * 1_000_000;

function open() {
  const world = setWorld();
  const both = [createHistogram(), createHistogram()] as const;
  return {
    delay: new LoopDelay(world, ...both),
    /** By single milliseconds, so that no timer is late. */
    pass(ms: number) {
      for (let passed = 0; passed < ms; passed++) world.pass(1);
    },
    wait(delayMs: number, times = 1) {
      for (let time = 0; time < times; time++) for (const histogram of both) histogram.record(nanoseconds(delayMs));
    },
  };
}

function near(actual: number, expectedMs: number): void {
  assert.ok(Math.abs(actual * 1000 - expectedMs) < 0.5, `${actual * 1000} instead of ${expectedMs} ms`);
}

test("before the first look there is no delay", () => {
  assert.deepEqual(open().delay.figures(), { p50: 0, p99: 0, max: 0 });
});

test("everybody who asks is told the same", () => {
  const { delay, wait } = open();
  wait(1, 90);
  wait(40, 10);
  const first = delay.figures();
  near(first.p50, 1);
  near(first.p99, 40);
  near(first.max, 40);
  assert.deepEqual(delay.figures(), first);
});

test("a delay is remembered for half a minute at least and a minute at most", () => {
  for (const passedMs of [0, 1, halfMs / 2, halfMs - 1]) {
    const { delay, pass, wait } = open();
    pass(passedMs);
    wait(500);
    pass(halfMs - 1);
    near(delay.figures().max, 500);
    pass(halfMs + 1);
    assert.equal(delay.figures().max, 0);
  }
});

test("whoever has stopped is never told to turn", () => {
  const { delay, pass, wait } = open();
  wait(500);
  delay.stop();
  pass(10 * halfMs);
  near(delay.figures().max, 500);
});
