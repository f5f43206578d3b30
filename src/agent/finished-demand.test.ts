import assert from "node:assert/strict";
import { test } from "node:test";
import { setWorld } from "../../test/set-world.ts";
import type { StemCellRule } from "../config/stem-cells.ts";
import { FinishedDemand } from "./finished-demand.ts";

const spec = { id: "any" } as unknown as Parameters<FinishedDemand["expect"]>[1];

function rule(reactive: StemCellRule["reactive"]): StemCellRule {
  return { kind: "go:1", memoryMiB: 128, count: 2, reactive };
}

test("starts that found none make more of them, and what is never needed goes again", () => {
  const world = setWorld();
  const told: number[] = [];
  const demand = new FinishedDemand(world, (_, count) => told.push(count));
  const go = rule({ min: 1, max: 4, ttlMs: 1000, threshold: 2, increment: 1 });
  demand.expect(go, spec);
  for (let start = 0; start < 6; start++) demand.started(go, spec, false);
  assert.deepEqual(told, [2, 3, 4], "two in vain make one more, up to the most");
  world.pass(1000);
  assert.deepEqual(told, [2, 3, 4], "all of them were needed in this time");
  demand.started(go, spec, true);
  world.pass(1000);
  assert.deepEqual(told, [2, 3, 4, 1], "three were left over, and one is the least");
  demand.close();
});

test("a rule that does not react says the same number always", () => {
  const told: number[] = [];
  const demand = new FinishedDemand(setWorld(), (_, count) => told.push(count));
  const fixed = rule(null);
  demand.expect(fixed, spec);
  for (let start = 0; start < 6; start++) demand.started(fixed, spec, false);
  assert.deepEqual(told, [2]);
});
