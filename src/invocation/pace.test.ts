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

test("with nobody waiting for an answer there are as many calls as slots", () => {
  const { pace, world } = paced();
  assert.deepEqual(pace.room, { calls: 4, againMs: null });
  const began = [pace.began(), pace.began(), pace.began(), pace.began()];
  assert.deepEqual(pace.room, { calls: 0, againMs: null });
  world.pass(5);
  pace.ended(began[0] as number);
  assert.deepEqual(pace.room, { calls: 1, againMs: null });
});

test("while somebody waits, one at a time runs and a rest of nine times its length follows", () => {
  const { pace, world, traffic } = paced();
  traffic.enter();
  let worked = 0;
  for (let ms = 0; ms < 1000; ) {
    const { calls, againMs } = pace.room;
    assert.ok(calls <= 1);
    const stepMs = calls === 0 ? (againMs as number) : 2;
    const began = calls === 0 ? null : pace.began();
    if (began !== null) assert.equal(pace.room.calls, 0);
    world.pass(stepMs);
    if (began !== null) {
      pace.ended(began);
      worked += stepMs;
    }
    ms += stepMs;
  }
  assert.ok(worked > 50 && worked <= 102, `${worked} of 1000 ms`);
});

test("a moment after the last caller is gone there is no rest any more", () => {
  const { pace, world, traffic } = paced();
  traffic.enter();
  const began = pace.began();
  world.pass(20);
  pace.ended(began);
  traffic.leave();
  assert.equal(pace.room.calls, 0);
  world.pass(99);
  assert.equal(pace.room.calls, 0);
  world.pass(1);
  assert.equal(pace.room.calls, 4);
});

test("a long call does not keep others from being started", () => {
  const { pace, world, traffic } = paced();
  traffic.enter();
  pace.began();
  assert.equal(pace.room.calls, 0);
  world.pass(1000);
  assert.equal(pace.room.calls, 1);
});
