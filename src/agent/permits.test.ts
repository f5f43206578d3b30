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
