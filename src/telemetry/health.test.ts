import assert from "node:assert/strict";
import { test } from "node:test";
import { PlatformError } from "../model/error.ts";
import { Health } from "./health.ts";

test("ready until something is not, with every cause; internals are not told", async () => {
  let now = 0;
  const health = new Health({ now: () => now, after: () => () => {} });
  let disk: string | null = null;
  let looks = 0;
  health.add({ name: "disk", look: async () => (looks++, disk) });
  assert.deepEqual(await health.ready(), {
    ready: true,
    checks: [
      { name: "disk", ok: true, cause: null },
      { name: "accepting", ok: true, cause: null },
    ],
  });
  disk = "The disk is full";
  health.add({ name: "store", look: () => Promise.reject(new PlatformError("overloaded", "Nothing can be written")) });
  health.add({ name: "other", look: () => Promise.reject(new Error("secret")) });
  assert.equal((await health.ready()).ready, true, "an answer is good for a second");
  assert.equal(looks, 1);
  now += 1000;
  const { ready, checks } = await health.ready();
  assert.equal(ready, false);
  assert.deepEqual(
    checks.map(({ cause }) => cause),
    ["The disk is full", "Nothing can be written", "The check failed; the server's log says why", null],
  );
});

test("a check without an answer is a cause, and draining is one at once", async () => {
  const health = new Health({
    now: () => 0,
    after: (_ms, run) => {
      setImmediate(run);
      return () => {};
    },
  });
  health.add({ name: "store", look: () => new Promise(() => {}) });
  assert.match((await health.ready()).checks[0]?.cause ?? "", /No answer within/);
  health.drain();
  assert.match((await health.ready()).checks[1]?.cause ?? "", /stopping/);
});
