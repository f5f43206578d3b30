import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { test } from "node:test";
import { KeyedHash } from "./keyed-hash.ts";

test("it is what node's own makes of the same, whatever was hashed before", () => {
  for (const key of [Buffer.alloc(0), randomBytes(1), randomBytes(32), randomBytes(64)]) {
    const keyed = new KeyedHash(key);
    for (const text of ["", "a", "x".repeat(1024), "ü€😀", "x".repeat(1025), "ü".repeat(600), "short again", "\0"])
      assert.equal(keyed.of(text), createHmac("sha256", key).update(text).digest("hex"), `${key.length}: ${text.slice(0, 20)}`);
  }
});
