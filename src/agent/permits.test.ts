import assert from "node:assert/strict";
import { test } from "node:test";
import { Permits } from "./permits.ts";

test("the next permit is of the group that holds the fewest, and of who asked first in it", async () => {
  const permits = new Permits(2);
  const order: string[] = [];
  const asked = ["a1", "a2", "a3", "a4", "b1", "b2", "c1"].map(async (name) => {
    const giveBack = await permits.take(name.charAt(0));
    order.push(name);
    await new Promise<void>((resolve) => setImmediate(resolve));
    giveBack();
  });
  await Promise.all(asked);
  assert.deepEqual(order.slice(0, 2), ["a1", "a2"], "nobody else had asked");
  assert.ok(order.indexOf("b1") < order.indexOf("a4") && order.indexOf("c1") < order.indexOf("a4"), order.join());
  assert.equal(order.length, 7);
  await Promise.all([permits.take("a"), permits.take("a")]);
});

/** Asks for permits; `order` is of those that got one, which `next` has the oldest give back. */
function asking(permits: Permits) {
  const order: string[] = [];
  const held: (() => void)[] = [];
  return {
    order,
    ask: (name: string, isUrgent: () => boolean) =>
      void permits.take(name, isUrgent).then((giveBack) => {
        order.push(name);
        held.push(giveBack);
      }),
    next: async () => {
      held.shift()?.();
      await turn();
    },
  };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const yes = () => true;
const no = () => false;

test("a quarter of the permits is for those who are urgent, and who becomes urgent is heard", async () => {
  const permits = new Permits(4);
  const { ask, order } = asking(permits);
  let isUrgent = false;
  for (const name of ["a", "b", "c", "d"]) ask(name, no);
  ask("e", () => isUrgent);
  await turn();
  assert.deepEqual(order, ["a", "b", "c"]);
  isUrgent = true;
  permits.look();
  await turn();
  assert.deepEqual(order, ["a", "b", "c", "e"]);
});

test("who is urgent goes first, and every fifth turn is of the others", async () => {
  const { ask, order, next } = asking(new Permits(1));
  ask("first", yes);
  for (const name of ["x", "y"]) ask(name, no);
  for (const name of ["a", "b", "c", "d", "e", "f"]) ask(name, yes);
  for (let turns = 0; turns < 9; turns++) await next();
  assert.equal(order.join(" "), "first a b c d x e f y");
});
