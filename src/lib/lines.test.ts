import assert from "node:assert/strict";
import { test } from "node:test";
import { lineBytesMax, LineSplitter } from "./lines.ts";

test("bytes become the same lines wherever the chunks are cut", () => {
  check("a\nb\n", ["a", "b"]);
  check("a\n\n\nb", ["a", "", "", "b"]);
  check("windows\r\nline\r\n", ["windows", "line"]);
  check("50%\r100%\n\rx", ["50%\r100%", "\rx"]);
  check("\u001b[31mred\u001b[0m\n", ["\u001b[31mred\u001b[0m"]);
  check("é€\u{1F600}\nü", ["é€\u{1F600}", "ü"]);
  check(Buffer.from([0x61, 0xff, 0x62, 0x0a, 0xe2, 0x82]), ["a\uFFFDb", "\uFFFD"]);
  check("", []);
});

test("an endless line comes in pieces that cut no character", () => {
  const lines = splitAll(Buffer.from(`x${"€".repeat(20_000)}`), 4096);
  assert.equal(lines.join(""), `x${"€".repeat(20_000)}`);
  assert.ok(lines.length === 4 && lines.every((line) => Buffer.byteLength(line) <= lineBytesMax));
});

test("a line of exactly the limit is one line, with either end", () => {
  const line = "x".repeat(lineBytesMax);
  for (const end of ["\n", "\r\n", ""]) {
    for (const size of [1000, lineBytesMax, 10 * lineBytesMax]) assert.deepEqual(splitAll(Buffer.from(line + end), size), [line]);
  }
});

test("a chunk may be reused after it was given", () => {
  const lines: string[] = [];
  const splitter = new LineSplitter((text) => lines.push(text));
  const chunk = Buffer.from("abc");
  splitter.push(chunk);
  chunk.fill(0);
  splitter.end();
  assert.deepEqual(lines, ["abc"]);
});

function check(input: string | Buffer, expected: string[]): void {
  const bytes = Buffer.from(input);
  for (let size = 1; size <= bytes.length + 1; size++) assert.deepEqual(splitAll(bytes, size), expected, `chunks of ${size}`);
}

function splitAll(bytes: Buffer, chunkBytes: number): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((text) => lines.push(text));
  for (let start = 0; start < bytes.length; start += chunkBytes) splitter.push(bytes.subarray(start, start + chunkBytes));
  splitter.end();
  return lines;
}
