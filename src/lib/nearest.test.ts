import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "./nearest.ts";

const known = ["kind", "handler", "memoryMiB", "timeoutMs", "concurrency", "list"];

const cases: readonly (readonly [typed: string, meant: string | undefined])[] = [
  ["knd", "kind"],
  ["kidn", "kind"],
  ["Kind", "kind"],
  ["memory", "memoryMiB"],
  ["timeout", "timeoutMs"],
  ["concurency", "concurrency"],
  ["ls", undefined],
  ["lsit", "list"],
  ["banana", undefined],
  ["x", undefined],
  ["", undefined],
];

test("the name that one may have meant, or none", () => {
  for (const [typed, meant] of cases) assert.equal(nearest(typed, known), meant, typed);
});
