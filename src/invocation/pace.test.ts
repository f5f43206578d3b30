import assert from "node:assert/strict";
import { test } from "node:test";
import { setWorld } from "../../test/set-world.ts";
import { Pace } from "./pace.ts";
import { Traffic } from "./traffic.ts";

function paced() {
  const world = setWorld();
  const traffic = new Traffic(world);
  return { world, traffic, pace: new Pace({ world, traffic, callsMax: 4, busyCallsMax: 1 }) };
}

/** A call that ran and was written; the time of both. */
function work({ world, pace }: ReturnType<typeof paced>, runMs: number, writeMs: number): void {
  const lookedAt = world.monotonic();
  pace.began(lookedAt);
  world.pass(runMs);
  pace.ended();
  assert.equal(pace.room.calls, 0, "no other before it is written");
  world.pass(writeMs);
  pace.settled(lookedAt);
}

test("with nobody waiting for an answer there are as many calls as slots", () => {
  const { pace, world } = paced();
  assert.deepEqual(pace.room, { calls: 4, againMs: null, inGap: false });
  for (let call = 0; call < 4; call++) pace.began(world.monotonic());
  assert.deepEqual(pace.room, { calls: 0, againMs: null, inGap: false });
  world.pass(5);
  pace.ended();
  assert.deepEqual(pace.room, { calls: 1, againMs: null, inGap: false });
});

test("while somebody waits, one at a time runs and a rest of four times its length follows, what was written included", () => {
  const parts = paced();
  const { pace, world, traffic } = parts;
  traffic.enter();
  let worked = 0;
  while (world.monotonic() < 10_000) {
    const { calls, againMs } = pace.room;
    assert.ok(calls <= 1);
    if (calls === 0) world.pass(againMs as number);
    else work(parts, 6, 14);
    worked += calls * 20;
  }
  // After each rest of 80 ms it waits 50 ms for a moment in which nobody waits.
  assert.ok(worked > 1100 && worked <= 1400, `${worked} of 10,000 ms`);
});

test("after its rest a call begins when the last caller has his answer, without a look in between", () => {
  const parts = paced();
  const { pace, world, traffic } = parts;
  let looks = 0;
  traffic.enter();
  world.pass(1000);
  work(parts, 1, 1);
  world.pass(8);
  const { calls, againMs, inGap } = pace.room;
  assert.deepEqual([calls, againMs, inGap], [0, 50, true]);
  traffic.onceGap(() => looks++);
  traffic.enter();
  traffic.leave();
  assert.equal(looks, 0, "one still waits");
  traffic.leave();
  assert.equal(looks, 1);
  assert.equal(pace.room.calls, 1);
  traffic.enter();
  traffic.leave();
  assert.equal(looks, 1, "nobody asked again");
});

test("a moment after the last caller is gone there is no rest any more", () => {
  const parts = paced();
  const { pace, world, traffic } = parts;
  traffic.enter();
  work(parts, 10, 15);
  traffic.leave();
  assert.equal(pace.room.calls, 0);
  world.pass(79);
  assert.equal(pace.room.calls, 0, "it rests");
  world.pass(21);
  assert.equal(pace.room.calls, 4);
});

test("a long call does not keep others from being started", () => {
  const { pace, world, traffic } = paced();
  traffic.enter();
  pace.began(world.monotonic());
  assert.equal(pace.room.calls, 0);
  world.pass(1000);
  assert.equal(pace.room.calls, 1);
});
