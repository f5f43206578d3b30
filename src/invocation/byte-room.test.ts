import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteRoom } from "./byte-room.ts";

test("who fits goes in, the others in their order; what is too large goes in alone", async () => {
  const room = new ByteRoom(10);
  const entered: number[] = [];
  const enter = async (bytes: number) => {
    await room.take(bytes);
    entered.push(bytes);
  };
  const all = [6, 5, 1, 30, 2].map(enter);
  await all[0];
  assert.equal(room.tryTake(5), false);
  assert.deepEqual(entered, [6]);
  room.give(6);
  await all[2];
  assert.deepEqual(entered, [6, 5, 1]);
  room.give(5);
  room.give(1);
  await all[3];
  assert.deepEqual(entered, [6, 5, 1, 30]);
  room.give(30);
  await Promise.all(all);
  assert.equal(room.tryTake(8), true);
  assert.equal(room.tryTake(1), false);
});
