import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { printable } from "./printable.ts";

const check = (text: string, expected: string) =>
  test(JSON.stringify(text), () => {
    assert.equal(printable(text), expected);
  });

check("plain, é, \u{1f600} and a\ttab", "plain, é, \u{1f600} and a\ttab");
check("\u001b[2J\u001b[31mred\u001b[0m", "\\u001b[2J\\u001b[31mred\\u001b[0m");
check("forged\r\n2026-01-01 stdout line", "forged\\r\\n2026-01-01 stdout line");
check("\u0000\u0007\u007f\u009b", "\\u0000\\u0007\\u007f\\u009b");
check("a\u2028b\u202ec\u2066d", "a\\u2028b\\u202ec\\u2066d");

test("no control character comes through, and doing it twice changes nothing", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const once = printable(text);
      assert.doesNotMatch(once, /[^\P{Cc}\t]/u);
      assert.equal(printable(once), once);
    }),
  );
});
