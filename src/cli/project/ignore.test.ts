import assert from "node:assert/strict";
import { test } from "node:test";
import { IgnoreRules } from "./ignore.ts";

/** Lines, a path (a folder with a slash at its end), and what git says. */
const cases: readonly (readonly [lines: string, path: string, ignored: boolean | undefined])[] = [
  ["*.log", "a.log", true],
  ["*.log", "deep/er/a.log", true],
  ["*.log", "a.logs", undefined],
  ["build/", "build/", true],
  ["build/", "build", undefined],
  ["build/", "src/build/", true],
  ["/build", "src/build", undefined],
  ["src/*.js", "src/a.js", true],
  ["src/*.js", "lib/src/a.js", undefined],
  ["src/*.js", "src/b/a.js", undefined],
  ["**/temp", "a/b/temp", true],
  ["a/**/z", "a/z", true],
  ["a/**/z", "a/b/c/z", true],
  ["a/**", "a/b/c", true],
  ["a/**", "a/", undefined],
  ["*.js\n!keep.js", "keep.js", false],
  ["!keep.js\n*.js", "keep.js", true],
  ["file?.txt", "file1.txt", true],
  ["file?.txt", "file/.txt", undefined],
  ["[ab].c", "b.c", true],
  ["[!ab].c", "b.c", undefined],
  ["# a comment", "# a comment", undefined],
  ["\\#real", "#real", true],
  ["trailing  ", "trailing", true],
  ["a.b", "axb", undefined],
  ["(x)+", "(x)+", true],
];

test("rules mean what they mean to git", () => {
  for (const [lines, path, ignored] of cases) {
    const isFolder = path.endsWith("/");
    const judged = IgnoreRules.none.with(lines.split("\n")).judge(path.replace(/\/$/, ""), isFolder);
    assert.equal(judged, ignored, `${JSON.stringify(lines)} on ${path}`);
  }
});

test("rules of a folder speak of what is in it", () => {
  const rules = IgnoreRules.none.with(["*.txt"]).with(["!notes.txt", "/top"], "docs/");
  assert.deepEqual(
    ["notes.txt", "docs/notes.txt", "docs/top", "top", "docs/a/top"].map((path) => rules.judge(path, false)),
    [true, false, true, undefined, undefined],
  );
});
