import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogLine } from "../../model/model.ts";
import { MarkedOutput } from "./marked-output.ts";

/** Steps: `>` begins a call, `1 text` is output on stdout, `2 text` on stderr. Expected: `call|stream|text`, call 0 being none. */
function check(steps: readonly string[], expected: readonly string[], isMarked = true) {
  const heard: string[] = [];
  const hear =
    (call: number) =>
    ({ stream, text }: Omit<LogLine, "at">) =>
      heard.push(`${call}|${stream === "stdout" ? 1 : 2}|${text}`);
  const output = new MarkedOutput("MARK", hear(0), isMarked);
  let calls = 0;
  for (const step of steps) {
    if (step === ">") output.called(++calls, { printed: hear(calls) });
    else output.push(step.startsWith("1") ? "stdout" : "stderr", Buffer.from(step.slice(2)));
  }
  output.end();
  assert.deepEqual(heard, expected);
}

const cases: readonly [name: string, steps: readonly string[], expected: readonly string[]][] = [
  ["before the first call it is nobody's", ["1 load\n", ">", "1 x\n"], ["0|1|load", "1|1|x"]],
  [
    "what is read late is of the call that printed it",
    [">", ">", ">", "1 a\n\nMARK 1\nb\n\nMARK 2\nc\n"],
    ["1|1|a", "2|1|b", "3|1|c"],
  ],
  [
    "streams are marked apart",
    [">", "1 \nMARK 1\n", ">", "1 x\n2 y\n", "2 a\n\nMARK 1\nb\n"],
    ["2|1|x", "2|1|2 y", "1|2|a", "2|2|b"],
  ],
  ["between two calls it is the last one's", [">", "1 a\n\nMARK 1\nlate\n", ">", "1 b\n"], ["1|1|a", "1|1|late", "2|1|b"]],
  ["a mark ends a line that has no end", [">", "1 a", ">", "1 b\nMARK 1\nc"], ["1|1|ab", "2|1|c"]],
  ["marks cut anywhere", [">", ">", "1 a\n\nMA", "1 RK ", "1 1", "1 \nx\n"], ["1|1|a", "2|1|x"]],
  [
    "only the mark's own empty line is dropped",
    [">", ">", "1 \na\n\n\nMARK 1\n\nb\n\n"],
    ["1|1|", "1|1|a", "1|1|", "2|1|", "2|1|b", "2|1|"],
  ],
  ["both streams in one", [">", ">", "1 a\n\nMARK 1\n\nMARK 1\nb\n\nMARK 2\n\nMARK 2\n"], ["1|1|a", "2|1|b"]],
  ["a call that has not begun is not ended", [">", "1 MARK 2\nx\n", ">", "1 \nMARK 1\ny\n"], ["1|1|MARK 2", "1|1|x", "2|1|y"]],
  ["nor is one a second time", [">", ">", "1 \nMARK 2\n\nMARK 1\nx\n"], ["2|1|", "2|1|MARK 1", "2|1|x"]],
  ["a forged one ends its own call's output", [">", "1 a\nMARK 1\nb\n\nMARK 1\n", ">", "1 c\n"], ["1|1|a", "1|1|b", "2|1|c"]],
  ["what is no mark is text", [">", "1 x MARK 1\nMARK one\nMARK 1 \n"], ["1|1|x MARK 1", "1|1|MARK one", "1|1|MARK 1 "]],
];

for (const [name, steps, expected] of cases) test(name, () => check(steps, expected));

test("a stream without marks holds on to no calls, and its lines are the newest's", () => {
  const calls = Array.from({ length: 5000 }, () => ">");
  check([...calls, "1 x\n"], ["5000|1|x"]);
});

test("before the first mark of a runtime that was asked for it, lines are those of its call, or the newest's", () => {
  check([">", ">", "1 a\n\nMARK 1\nb\n", ">", "1 c\n\nMARK 2\nd\n"], ["1|1|a", "2|1|b", "2|1|c", "3|1|d"], false);
  check([">", "1 a\n", ">", "1 b\n", "1 c\n\nMARK 2\n", ">", "1 d"], ["1|1|a", "2|1|b", "2|1|c", "3|1|d"], false);
  check([">", "1 a"], ["1|1|a"], false);
  check([">", "1 a", "1 \nMARK 1\n", ">", "1 b\n\nMARK 2\n"], ["1|1|a", "2|1|b"], false);
});
