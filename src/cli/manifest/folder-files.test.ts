import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { makeZip } from "../../../test/archives.ts";
import { isSameCode } from "./code.ts";
import { filesOf } from "./folder-files.ts";
import { listingOf, zipOf } from "./zip.ts";

let base: string;
before(() => {
  base = mkdtempSync(join(tmpdir(), "kiln-files-"));
  for (const name of "act/index.js act/lib/own.js act/drafts/one.js act/drafts/deep/two.js common/a.js common/b.js common/c.txt libs/one/u.js libs/two/u.js".split(
    " ",
  )) {
    mkdirSync(dirname(join(base, name)), { recursive: true });
    writeFileSync(join(base, name), name);
  }
});
after(() => rmSync(base, { recursive: true, force: true }));

function namesOf(include: readonly (readonly string[])[], exclude: readonly string[] = []): string[] {
  const source = { type: "folder", path: join(base, "act"), base, include, exclude, place: "manifest.yaml:1:1" } as const;
  return filesOf(source).map(({ name, body }) =>
    name === String(body).replace("act/", "") ? name : `${name} < ${String(body)}`,
  );
}

const own = ["drafts/deep/two.js", "drafts/one.js", "index.js", "lib/own.js"];

/** What is included, and what that adds. */
const cases: readonly (readonly [include: readonly string[], added: readonly string[]])[] = [
  [["common/a.js"], ["common/a.js"]],
  [["common/a.js", "x.js"], ["x.js < common/a.js"]],
  [["common/a.js", "x/"], ["x/a.js < common/a.js"]],
  [["common"], ["common/a.js", "common/b.js", "common/c.txt"]],
  [
    ["common", "x"],
    ["x/a.js < common/a.js", "x/b.js < common/b.js", "x/c.txt < common/c.txt"],
  ],
  [
    ["common/*.js", "x/"],
    ["x/a.js < common/a.js", "x/b.js < common/b.js"],
  ],
  [["common/*.js"], ["common/a.js", "common/b.js"]],
  [
    ["libs/*/u.js", "x/*"],
    ["x/one/u.js < libs/one/u.js", "x/two/u.js < libs/two/u.js"],
  ],
  [
    ["libs/*", "x/"],
    ["x/one/u.js < libs/one/u.js", "x/two/u.js < libs/two/u.js"],
  ],
];

test("a folder has its files, those that are included, and not those that are excluded", () => {
  assert.deepEqual(namesOf([]), own);
  for (const [include, added] of cases) assert.deepEqual(namesOf([include]), [...own, ...added].toSorted(), include.join(" to "));
  assert.deepEqual(namesOf([], ["act/drafts"]), ["index.js", "lib/own.js"]);
  assert.deepEqual(namesOf([], ["act/drafts/*.js", "act/lib/*"]), ["drafts/deep/two.js", "index.js"]);
  assert.throws(() => namesOf([["absent.js"]]), /There is nothing to pack/);
  assert.throws(() => namesOf([], ["act/*"]), /There is nothing to pack/);
});

test("a zip is the same for the same files, others read it, and zips with the same files are the same code", () => {
  chmodSync(join(base, "act/index.js"), 0o755);
  const source = { type: "folder", path: join(base, "act"), base, include: [], exclude: [], place: "" } as const;
  const zip = zipOf(filesOf(source));
  assert.deepEqual(zip, zipOf(filesOf(source)));
  writeFileSync(join(base, "act.zip"), zip);
  const script =
    "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); print(z.testzip(), [(i.filename, oct(i.external_attr >> 16)) for i in z.infolist()][2])";
  const read = execFileSync("python3", ["-c", script, join(base, "act.zip")], { encoding: "utf8" });
  assert.equal(read.trim(), "None ('index.js', '0o100755')");
  const others = filesOf(source).map(({ name, body, isProgram }) => ({
    name,
    data: body,
    method: 0,
    mode: isProgram ? 0o100755 : 0o100644,
  }));
  const stored = makeZip(others);
  assert.equal(listingOf(stored), listingOf(zip));
  assert.ok(isSameCode(stored.toString("base64"), zip.toString("base64")));
  assert.ok(!isSameCode(makeZip(others.slice(1)).toString("base64"), zip.toString("base64")));
  assert.ok(!isSameCode(makeZip(others.map(({ name, data }) => ({ name, data }))).toString("base64"), zip.toString("base64")));
  assert.ok(!isSameCode(undefined, zip.toString("base64")));
  assert.equal(listingOf(Buffer.from("PK\u0003\u0004 and nothing else")), null);
});
