import assert from "node:assert/strict";
import { test } from "node:test";
import { realWorld } from "../lib/world.ts";
import { MachineProcessors } from "./processors.ts";

test("busy processors are short, and the first look says nothing", () => {
  let ms = 0;
  const looks = [
    { idle: 1000, total: 2000 },
    { idle: 1002, total: 2040 },
    { idle: 1030, total: 2080 },
  ];
  const processors = new MachineProcessors({ monotonic: () => ms }, () => looks.shift());
  const seen = [];
  for (ms of [0, 100, 200, 300, 400]) seen.push(processors.short);
  assert.deepEqual(seen, [false, false, true, true, false]);
});

test("a look of long ago says nothing, and neither does a kernel that does not tell", () => {
  let ms = 0;
  const looks = [{ idle: 0, total: 0 }, { idle: 0, total: 1000 }, undefined];
  const processors = new MachineProcessors({ monotonic: () => ms }, () => looks.shift());
  for (ms of [0, 5000, 5200]) assert.equal(processors.short, false, `${ms}`);
});

test("this machine tells", () => {
  assert.ok(new MachineProcessors(realWorld()).count > 0);
});
