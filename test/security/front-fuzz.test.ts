import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzzFront } from "./front-fuzz.ts";

test("our request parser takes nothing that llhttp does not take in the same way", { timeout: 120_000 }, () => {
  const { findings, accepted, stricter, refusedByBoth, seed } = fuzzFront(150_000, Date.now() % 2 ** 31);
  assert.deepEqual(findings, [], `seed ${seed}`);
  // The inputs are of all sorts, or the test would show nothing.
  for (const count of [accepted, refusedByBoth, ...Object.values(stricter)]) assert.ok(count > 0);
  assert.ok(accepted > 10_000 && refusedByBoth > 10_000);
});
