import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { realWorld } from "../../lib/world.ts";
import { copyInLargePages, markLargePages, renewLargePages } from "./large-pages.ts";

const world = realWorld();
/** Two whole pages and a part of one. */
const script = `#!/bin/sh\necho it runs\nexit\n${"#".repeat(5_000_001)}`;
let folder = "";
const place = () => join(folder, "tree/run");

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "kiln-pages-"));
  await mkdir(join(folder, "tree"));
  await writeFile(join(folder, "original"), script);
});
after(() => rm(folder, { recursive: true, force: true }));

async function checkRenewed(was: { readonly ino: number }, expected: boolean): Promise<void> {
  await renewLargePages(folder, "run", world);
  const { ino, mode } = await stat(place());
  assert.equal(ino !== was.ino, expected);
  assert.equal(mode & 0o777, 0o755);
  assert.equal(await readFile(place(), "utf8"), script);
  assert.deepEqual((await readdir(folder)).toSorted(), ["large-pages.boot", "original", "tree"]);
}

test("a program is copied whole, and can be run by all", async () => {
  await copyInLargePages(join(folder, "original"), place());
  assert.equal(await readFile(place(), "utf8"), script);
  assert.equal((await stat(place())).mode & 0o777, 0o755);
  assert.equal(execFileSync(place(), { encoding: "utf8" }), "it runs\n");
});

test("it is renewed once after each start of the machine", async () => {
  await checkRenewed(await stat(place()), true);
  await checkRenewed(await stat(place()), false);
  await writeFile(join(folder, "large-pages.boot"), "of another start");
  await checkRenewed(await stat(place()), true);
  await writeFile(join(folder, "large-pages.boot"), "of another start");
  await markLargePages(folder);
  await checkRenewed(await stat(place()), false);
});
