import assert from "node:assert/strict";
import { test } from "node:test";
import { endMark, OutputEnds } from "./output.ts";

/** Steps are `call ID`, `end ID` (it was answered), `wait MS`, or `out TEXT` and `err TEXT`, where `#` is the mark. Gives lines as `ID:TEXT`. */
function told(steps: readonly string[], isShared = false): string[] {
  const lines: string[] = [];
  let now = 0;
  const ends = new OutputEnds(
    isShared,
    () => now,
    ({ text }) => lines.push(`-:${text}`),
  );
  for (const step of steps) {
    const space = step.indexOf(" ");
    const [verb, rest] = [step.slice(0, space), step.slice(space + 1)];
    if (verb === "call") ends.called(rest, ({ text }) => lines.push(`${rest}:${text}`));
    else if (verb === "end") ends.answered(rest);
    else if (verb === "wait") now += Number(rest);
    else ends.push(verb === "out" ? "stdout" : "stderr", Buffer.from(`${rest === "#" ? endMark : rest}\n`));
  }
  ends.end();
  return lines;
}

function check(name: string, steps: readonly string[], expected: readonly string[], isShared = false): void {
  test(name, () => assert.deepEqual(told(steps, isShared), expected));
}

check("what is printed before any call is nobody's", ["out load", "call A", "out a", "out #", "end A"], ["-:load", "A:a"]);

check(
  "lines that are read late are of the call before, on each stream by itself",
  ["call A", "out a1", "end A", "call B", "out a2", "err b?", "out #", "out b", "err #", "err b2", "out #", "err #"],
  ["A:a1", "A:a2", "A:b?", "B:b", "B:b2"],
);

check(
  "a mark that code prints ends nothing, neither in its call nor for those after it",
  ["call A", "out #", "out a1", "out #", "out a2", "out #", "end A", "call B", "out b", "out #", "end B", "call C", "out c"],
  ["A:a1", "A:a2", "B:b", "C:c"],
);

check(
  "one that is read late takes at most the last lines of its own call with it",
  [
    "call A",
    "end A",
    "call B",
    "out #",
    "out a",
    "out #",
    "out b",
    "out #",
    "end B",
    "call C",
    "out c",
    "out #",
    "call D",
    "out d",
  ],
  ["B:a", "B:b", "C:c", "D:d"],
);

check(
  "a proxy that prints no marks: lines are the newest call's, once it has said nothing for a while",
  ["call A", "out a", "end A", "wait 2000", "call B", "out b", "end B", "call C", "out c"],
  ["A:a", "B:b", "C:c"],
);

check(
  "a stream on which nothing comes keeps no calls",
  [...Array.from({ length: 300 }, (_, index) => [`call ${index}`, `out ${index}`, "out #", `end ${index}`]).flat(), "err late"],
  [...Array.from({ length: 300 }, (_, index) => `${index}:${index}`), "299:late"],
);

check(
  "calls that share a container: lines are the newest one's",
  ["call A", "call B", "out x", "out #", "out y"],
  ["B:x", "B:y"],
  true,
);

test("a mark in the middle of a line, or with something behind it, is text", () => {
  assert.deepEqual(told(["call A", `out x${endMark}`, `out ${endMark} `]), [`A:x${endMark}`, `A:${endMark} `]);
});
