import assert from "node:assert/strict";
import { test } from "node:test";
import { eventParser } from "./sse.ts";

const text =
  ': hello\nid: 7\nevent: line\ndata: {"a":1}\n\ndata: first\r\ndata:second\r\n\r\nevent: empty\n\nretry: 10\ndata\n\n';

const expected = [
  { event: "line", data: '{"a":1}', id: "7" },
  { event: "message", data: "first\nsecond", id: "7" },
  { event: "message", data: "", id: "7" },
];

test("events are the same in one piece and in pieces of any size", () => {
  assert.deepEqual(eventParser()(text), expected);
  for (const size of [1, 2, 3, 7]) {
    const parse = eventParser();
    const found = [];
    for (let at = 0; at < text.length; at += size) found.push(...parse(text.slice(at, at + size)));
    assert.deepEqual(found, expected, `pieces of ${size}`);
  }
});

test("what is not complete is not given", () => {
  const parse = eventParser();
  assert.deepEqual(parse("data: half"), []);
  assert.deepEqual(parse("\n"), []);
  assert.deepEqual(parse("\n"), [{ event: "message", data: "half", id: "" }]);
});
