import assert from "node:assert/strict";
import { test } from "node:test";
import { OutputAttribution } from "./output.ts";

/** Steps: `> id` begins a call, `1 text` is output on stdout, `2 text` on stderr. Expected: `id|stream|text`. */
function check(steps: string[], expected: string[]) {
  const heard: string[] = [];
  const output = new OutputAttribution("MARK", (callId, line) =>
    heard.push(`${callId ?? "-"}|${line.stream === "stdout" ? 1 : 2}|${line.text}`),
  );
  for (const step of steps) {
    const rest = step.slice(2);
    if (step.startsWith(">")) output.called(rest);
    else output.push(step.startsWith("1") ? "stdout" : "stderr", Buffer.from(rest));
  }
  output.end();
  assert.deepEqual(heard, expected);
}

const cases: [name: string, steps: string[], expected: string[]][] = [
  ["what comes first is nobody's", ["1 start\n", "> a", "1 \nMARK=a\nx\n"], ["-|1|start", "a|1|x"]],
  ["streams are marked apart", ["> a", "1 \nMARK=a\nx\n2 y\n", "2 y\n"], ["a|1|x", "a|1|2 y", "-|2|y"]],
  [
    "late output belongs to the call that printed it",
    ["> a", "1 \nMARK=a\nx\n", "> b", "1 y\n\nMARK=b\nz\n"],
    ["a|1|x", "a|1|y", "b|1|z"],
  ],
  ["marks cut anywhere", ["> a", "1 \nMA", "1 RK=", "1 a", "1 \nx", "1 y\n"], ["a|1|xy"]],
  ["a line that was not ended is ended by the mark", ["> a", "1 \nMARK=a\nx", "> b", "1 \nMARK=b\ny\n"], ["a|1|x", "b|1|y"]],
  [
    "only the mark's own empty lines are dropped",
    ["> a", "1 \nMARK=a\n\n\n\nx\n", "> b", "1 \n\nMARK=b\ny\n"],
    ["a|1|", "a|1|", "a|1|x", "a|1|", "b|1|y"],
  ],
  ["an empty line at the end", ["> a", "1 \nMARK=a\nx\n\n"], ["a|1|x", "a|1|"]],
  ["an id that never ran is text", ["> a", "1 \nMARK=a\n\nMARK=b\nx\n"], ["a|1|MARK=b", "a|1|x"]],
  [
    "a call that is over does not come back",
    ["> a", "1 \nMARK=a\n", "> b", "1 \nMARK=b\n\nMARK=a\nx\n"],
    ["b|1|MARK=a", "b|1|x"],
  ],
  ["a mark that comes twice", ["> a", "2 \nMARK=a", "2 \n\nMARK=a\nx\n", "2 y\n"], ["a|2|x", "a|2|y"]],
  ["a mark in the middle of a line is text", ["> a", "1 \nMARK=a\nx MARK=a\n"], ["a|1|x MARK=a"]],
  ["a kit without marks", ["1 s\n", "> a", "1 x\n", "> b", "1 y\n", "2 z\n"], ["-|1|s", "-|1|x", "b|1|y", "b|2|z"]],
  ["what came first is nobody's also when it is read late", ["> a", "> b", "1 start\n\nMARK=a\nx\n"], ["-|1|start", "a|1|x"]],
  ["a kit whose first mark is late", ["> a", "> b", "1 \nMARK=a\nx\n\nMARK=b\ny\n"], ["a|1|x", "b|1|y"]],
];

for (const [name, steps, expected] of cases) test(name, () => check(steps, expected));

test("only the newest calls are remembered, and the newest always is", () => {
  const heard: string[] = [];
  const output = new OutputAttribution("MARK", (callId, line) => heard.push(`${callId ?? "-"}|${line.text}`));
  for (let i = 0; i < 20_000; i++) output.called(`id${i}`);
  output.push("stdout", Buffer.from("\nMARK=id1\nx\n\nMARK=id19999\ny\n"));
  assert.deepEqual(heard, ["-|", "-|MARK=id1", "-|x", "id19999|y"]);
});
