import assert from "node:assert/strict";
import { test } from "node:test";
import { type Evictable, MemoryBudget } from "./evictor.ts";

/** A budget of 100 MiB with idle sandboxes `name: [idle since, MiB]`, and who is left of them. */
function budgetOf(idle: Readonly<Record<string, readonly [number, number]>>) {
  const left = new Map<string, Evictable>();
  let told = 0;
  const budget: MemoryBudget = new MemoryBudget(
    100,
    () => left.values(),
    () => told++,
  );
  for (const [name, [idleSince, heldMiB]] of Object.entries(idle)) {
    assert.ok(budget.reserve(heldMiB));
    const evict = () => {
      left.delete(name);
      budget.release(heldMiB);
    };
    left.set(name, { idleSince, heldMiB, evict });
  }
  return { budget, left: () => [...left.keys()].join(""), told: () => told };
}

const idle = { a: [3, 30], b: [1, 20], c: [2, 10] } as const;
const check = (sizeMiB: number, expected: string) =>
  test(`${sizeMiB} MiB: ${expected}`, () => {
    const { budget, left } = budgetOf(idle);
    assert.equal(`${budget.reserve(sizeMiB)}, ${left()} left`, expected);
    const evicted = 3 - left().length;
    assert.equal(budget.evictions, evicted);
  });

check(40, "true, abc left");
check(41, "true, ac left");
check(61, "true, a left");
check(100, "true,  left");
check(101, "false, abc left");

test("those who wait are told after a refusal, once, and a moment later", async () => {
  const { budget, told } = budgetOf({});
  assert.ok(budget.reserve(80));
  budget.release(10);
  await Promise.resolve();
  assert.equal(told(), 0, "nobody was refused");
  assert.equal(budget.reserve(50), false);
  budget.release(10);
  budget.release(10);
  assert.equal(told(), 0);
  await Promise.resolve();
  assert.equal(told(), 1);
});

test("an idle one that turns out to hold more makes others go", () => {
  const { budget, left } = budgetOf(idle);
  assert.ok(budget.reserve(35));
  budget.correct(6);
  assert.deepEqual([left(), budget.promisedMiB], ["ac", 81]);
  budget.correct(-6);
  assert.equal(budget.promisedMiB, 75);
});

test("what does not fit is not counted again until something is free or idle", () => {
  let counted = 0;
  let isIdle = false;
  const one = { idleSince: 0, heldMiB: 60, evict: () => budget.release(60) };
  const budget: MemoryBudget = new MemoryBudget(
    100,
    () => {
      counted++;
      return isIdle ? [one] : [];
    },
    () => {},
  );
  assert.ok(budget.reserve(60));
  for (let i = 0; i < 100; i++) assert.equal(budget.reserve(50), false);
  assert.equal(counted, 1);
  assert.equal(budget.reserve(45), false, "a smaller one might fit");
  assert.equal(counted, 2);
  isIdle = true;
  budget.correct(0);
  assert.ok(budget.reserve(50));
  assert.equal(counted, 3);
});
