import assert from "node:assert/strict";
import { test } from "node:test";
import { startSweep } from "./sweep.ts";
import { realWorld } from "./world.ts";

test("each step is repeated until nothing is left; one that fails keeps nothing from being done", async () => {
  const done: string[] = [];
  const errors: unknown[] = [];
  let left = 3;
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = startSweep({
    world: realWorld(),
    everyMs: 1,
    pauseMs: 1,
    steps: [
      async () => {
        throw new Error("no");
      },
      async () => {
        done.push(`left ${left}`);
        if (errors.length === 3) resolve();
        return --left > 0;
      },
    ],
    failed: (error) => errors.push(error),
  });
  await promise;
  await stop();
  const count = done.length;
  assert.deepEqual(done.slice(0, 3), ["left 3", "left 2", "left 1"]);
  assert.ok(errors.length >= 3);
  await new Promise((wake) => setTimeout(wake, 20));
  assert.equal(done.length, count, "nothing is done after the end");
});
