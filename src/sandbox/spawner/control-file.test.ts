import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { ControlFile } from "./control-file.ts";
import { memoryInUse } from "./memory-use.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "control-file-test-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("writes take effect in the order of the calls, and none after the end", async () => {
  const file = `${folder}/cgroup.freeze`;
  writeFileSync(file, "");
  const freezer = new ControlFile(file);
  const states = Array.from({ length: 50 }, (_, i) => (i % 3 === 0 ? "1" : "0"));
  const written = Promise.all(states.map((state) => freezer.set(state)));
  await written;
  // A file on disk, unlike the kernel's, keeps what was written before.
  assert.equal(readFileSync(file, "utf8"), states.join(""));
  freezer.close();
  await freezer.set("1");
  assert.equal(readFileSync(file, "utf8"), states.join(""));
});

test("a group that is gone has nothing to set", async () => {
  await new ControlFile(`${folder}/gone`).set("1");
});

test("a real failure is told", async () => {
  await assert.rejects(new ControlFile(folder).set("1"), /EISDIR/);
});

test("pages of files do not count where they would matter", async () => {
  const files = { usage: `${folder}/usage`, stat: `${folder}/stat` };
  const mib = 1024 * 1024;
  assert.equal(await memoryInUse(files, 128), null, "the group is gone");
  writeFileSync(files.stat, `anon 1\nactive_file ${10 * mib}\ninactive_file ${20 * mib}\ntotal_inactive_file ${99 * mib}\n`);
  writeFileSync(files.usage, `${60 * mib}\n`);
  assert.equal(await memoryInUse(files, 128), 60 * mib, "not worth a look");
  writeFileSync(files.usage, `${100 * mib}\n`);
  assert.equal(await memoryInUse(files, 128), 70 * mib);
});
