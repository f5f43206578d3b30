import assert from "node:assert/strict";
import { test } from "node:test";
import { Marks } from "./marks.ts";

/** Pieces as they are read, and what is told after each. */
function check(pieces: readonly (readonly [read: string, told: string])[]): void {
  const marks = new Marks("MARK=");
  for (const [read, told] of pieces) assert.equal((marks.take(Buffer.from(read)) ?? "").toString(), told, JSON.stringify(read));
}

test("marks that nothing follows are not told", () => {
  check([
    ["\nMARK=a\n", ""],
    ["\nMARK=b\n", ""],
    ["\nMARK=c\n\nMARK=d\n", ""],
  ]);
});

test("what is printed comes with the mark before it, and the mark behind it ends it", () => {
  check([
    ["\nMARK=a\n", ""],
    ["\nMARK=b\n", ""],
    ["line\n", "\nMARK=b\nline\n"],
    ["more", "more"],
    ["\nMARK=c\n", "\nMARK=c\n"],
    ["\nMARK=d\n", ""],
    ["x\n", "\nMARK=d\nx\n"],
  ]);
});

test("a piece with anything else in it is told as it is", () => {
  check([
    ["loaded\n\nMARK=a\n", "loaded\n\nMARK=a\n"],
    ["\nMARK=b\nx", "\nMARK=b\nx"],
    ["\nMARK=c", "\nMARK=c"],
    ["d\n", "d\n"],
    ["MARK=e\n", "MARK=e\n"],
    ["\n\n", "\n\n"],
  ]);
});

test("a mark whose line is ended twice is one", () => {
  check([
    ["\nMARK=a\n\n", ""],
    ["\nMARK=b\n\n\nMARK=c\n\n", ""],
    ["x\n", "\nMARK=c\n\nx\n"],
  ]);
});
