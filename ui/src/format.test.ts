import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, count, duration, laidOut, percent, pieces, rate } from "./format.ts";

test("figures have three digits and a unit that fits", () => {
  assert.deepEqual([0, 0.4249, 12.34, 999, 1250, 61_000, 180_000, null].map(duration), [
    "0 ms",
    "0.42 ms",
    "12.3 ms",
    "999 ms",
    "1.25 s",
    "61 s",
    "3 min",
    "–",
  ]);
  assert.deepEqual([0, 1023, 1536, 5 * 1024 * 1024].map(bytes), ["0 B", "1023 B", "1.5 KiB", "5 MiB"]);
  assert.deepEqual([0, 0.05, 2.345, 1200].map(rate), ["0 /s", "3 /min", "2.35 /s", "1200 /s"]);
  assert.deepEqual([percent(0, 0), percent(1, 3), percent(1, 100_000)], ["–", "33.3 %", "<0.1 %"]);
  assert.deepEqual([9999, 12_345].map(count), ["9999", "12.3k"]);
});

test("control characters are spelt out and told apart from the text", () => {
  assert.deepEqual(pieces("\u001b[31mred\u001b[0m\tok"), [
    { text: "\\e", control: true },
    { text: "[31mred", control: false },
    { text: "\\e", control: true },
    { text: "[0m\tok", control: false },
  ]);
  assert.deepEqual(pieces("a\r\n\u202eb"), [
    { text: "a", control: false },
    { text: "\\r\\n\\u202e", control: true },
    { text: "b", control: false },
  ]);
  assert.deepEqual(pieces("plain <b>ü</b> 漢字"), [{ text: "plain <b>ü</b> 漢字", control: false }]);
});

test("JSON is laid out, other text is left alone", () => {
  assert.equal(laidOut('{"a":1}', "application/json; charset=utf-8"), '{\n  "a": 1\n}');
  assert.equal(laidOut('{"a":1', "application/json"), '{"a":1');
  assert.equal(laidOut('{"a":1}', "text/plain"), '{"a":1}');
});
