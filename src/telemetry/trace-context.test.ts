import assert from "node:assert/strict";
import { test } from "node:test";
import { idToHex } from "../model/id.ts";
import { traceOf } from "./trace-context.ts";

const id = "01JD5Z3K9V8QXR2M4N6P7T0WYB";
const hex = idToHex(id);
const span = hex.slice(16);
const trace = "0af7651916cd43dd8448eb211c80319c";
const own = `traceparent: 00-${hex}-${span}-00`;

/** What the function gets of these headers. */
function check(title: string, given: readonly string[], expected: readonly string[]): void {
  test(title, () => {
    const { headers: kept, traceId, traceparent } = traceOf(given, id);
    const headers = [...kept, "traceparent", traceparent];
    const lines = Array.from({ length: headers.length / 2 }, (_, i) => `${headers[2 * i]}: ${headers[2 * i + 1]}`);
    assert.deepEqual(lines, expected);
    const parent = expected.find((line) => line.startsWith("traceparent: "));
    assert.equal(traceId ?? hex, parent?.slice(16, 48));
  });
}

check("none: the call begins a trace, not sampled", ["A", "1"], ["A: 1", own]);
check(
  "one: the trace goes on, with the call as parent",
  ["TraceParent", `00-${trace}-b7ad6b7169203331-01`, "A", "1", "tracestate", "vendor=1"],
  ["A: 1", "tracestate: vendor=1", `traceparent: 00-${trace}-${span}-01`],
);
check(
  "unknown flags are not passed on",
  ["traceparent", `00-${trace}-b7ad6b7169203331-fe`],
  [`traceparent: 00-${trace}-${span}-00`],
);
check(
  "a later version is read as far as it is known",
  ["traceparent", `cc-${trace}-b7ad6b7169203331-01-what`],
  [`traceparent: 00-${trace}-${span}-01`],
);
for (const [title, value] of [
  ["version ff", `ff-${trace}-b7ad6b7169203331-01`],
  ["a trace of zeros", `00-${"0".repeat(32)}-b7ad6b7169203331-01`],
  ["a parent of zeros", `00-${trace}-${"0".repeat(16)}-01`],
  ["capital letters", `00-${trace.toUpperCase()}-b7ad6b7169203331-01`],
  ["more in version 00", `00-${trace}-b7ad6b7169203331-01-x`],
  ["too short", `00-${trace}-b7ad6b7169203331`],
  ["nothing", ""],
] as const) {
  check(`${title} is no trace, and its state goes too`, ["traceparent", value, "tracestate", "a=1"], [own]);
}
check(
  "two of them are none",
  ["traceparent", `00-${trace}-b7ad6b7169203331-01`, "traceparent", `00-${trace}-b7ad6b7169203331-01`],
  [own],
);
check("state alone", ["tracestate", "a=1", "B", "2"], ["B: 2", own]);
check(
  "state that is too long is dropped",
  ["traceparent", `00-${trace}-b7ad6b7169203331-01`, "tracestate", `a=${"1".repeat(600)}`],
  [`traceparent: 00-${trace}-${span}-01`],
);
