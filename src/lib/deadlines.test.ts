import assert from "node:assert/strict";
import { test } from "node:test";
import type { World } from "./world.ts";
import { Deadlines, type Timed } from "./deadlines.ts";

/** A clock that goes where it is told, and the timers that were set. */
function clock() {
  let now = 0;
  const timers: { at: number; run: () => void }[] = [];
  const world = {
    monotonic: () => now,
    after(ms: number, run: () => void) {
      timers.push({ at: now + ms, run });
      return () => {};
    },
  };
  const goTo = (time: number) => {
    for (let next = timers.findIndex(({ at }) => at <= time); next !== -1; next = timers.findIndex(({ at }) => at <= time)) {
      const [timer] = timers.splice(next, 1);
      now = timer?.at ?? now;
      timer?.run();
    }
    now = time;
  };
  return { world: world as unknown as World, goTo, set: () => timers.length };
}

function timed(name: string, told: string[]): Timed {
  return { dueAt: 0, earlier: null, later: null, timeUp: () => told.push(name) };
}

test("each is told when its time is up, with one timer for all, and those that were removed are not", () => {
  const { world, goTo, set } = clock();
  const told: string[] = [];
  const deadlines = new Deadlines(world, 100);
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => timed(name, told)) as [Timed, Timed, Timed, Timed];
  deadlines.add(a, 0);
  goTo(10);
  deadlines.add(b, 10);
  goTo(20);
  deadlines.add(c, 20);
  deadlines.add(d, 20);
  assert.equal(set(), 1);
  deadlines.remove(b);
  goTo(99);
  assert.deepEqual(told, []);
  goTo(100);
  assert.deepEqual(told, ["a"]);
  deadlines.remove(a);
  deadlines.remove(d);
  goTo(120);
  assert.deepEqual(told, ["a", "c"]);
  goTo(1000);
  assert.equal(set(), 0, "nobody is left, and no timer");
});

test("who is told may add and remove others", () => {
  const { world, goTo } = clock();
  const told: string[] = [];
  const deadlines = new Deadlines(world, 100);
  const last = timed("last", told);
  const second = timed("second", told);
  const first: Timed = {
    ...timed("first", told),
    timeUp() {
      told.push("first");
      deadlines.remove(second);
      deadlines.add(last, 100);
    },
  };
  deadlines.add(first, 0);
  deadlines.add(second, 0);
  goTo(150);
  assert.deepEqual(told, ["first"]);
  goTo(200);
  assert.deepEqual(told, ["first", "last"]);
});
