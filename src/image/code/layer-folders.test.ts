import assert from "node:assert/strict";
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makeTar, type TarEntry } from "../../../test/archives.ts";
import { realWorld } from "../../lib/world.ts";
import { CodeStore } from "./code-store.ts";
import { LayerFolders } from "./layer-folders.ts";

let folder: string;
let code: CodeStore;
let layers: LayerFolders;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "layer-folders-"));
  code = await CodeStore.open(join(folder, "code"), realWorld());
  layers = await LayerFolders.open(join(folder, "layers"), code, realWorld());
});
after(() => rmSync(folder, { recursive: true, force: true }));

const add = async (...entries: readonly TarEntry[]) => (await code.add({ bytes: makeTar(entries), fileName: null })).digest;
const read = (at: string | null, name: string) => readFileSync(join(at ?? "", name), "utf8");

test("one layer is its own folder; of several the later ones are over the earlier, also where one has a file for a folder", async () => {
  assert.equal(await layers.of([]), null);
  const first = await add(
    { name: "both", data: "first" },
    { name: "dir/a", data: "a" },
    { name: "file", data: "a file" },
    { name: "link", type: "2", target: "both" },
  );
  const second = await add(
    { name: "both", data: "second" },
    { name: "dir/b", data: "b" },
    { name: "file/inner", data: "a folder" },
  );
  assert.equal(await layers.of([first]), (await code.get(first)).folder);
  const merged = await layers.of([first, second]);
  assert.deepEqual([read(merged, "both"), read(merged, "dir/a"), read(merged, "dir/b")], ["second", "a", "b"]);
  assert.equal(read(merged, "file/inner"), "a folder");
  assert.equal(readlinkSync(join(merged ?? "", "link")), "both");
  const other = await layers.of([second, first]);
  assert.deepEqual([read(other, "both"), read(other, "file")], ["first", "a file"]);
  assert.equal(await layers.of([first, second]), merged, "made once");
  assert.equal(statSync(join(merged ?? "", "dir/a")).nlink, 3, "by links");
  assert.equal(lstatSync(merged ?? "").mode & 0o777, 0o755);
});

test("those made at once are one; what held code that goes, goes; a new process makes them anew", async () => {
  const [one, two] = [await add({ name: "one", data: "1" }), await add({ name: "two", data: "2" })];
  const [made, again] = await Promise.all([layers.of([one, two]), layers.of([one, two])]);
  assert.equal(made, again);
  await layers.forget(one);
  assert.equal(existsSync(made ?? ""), false);
  assert.equal(read(await layers.of([one, two]), "two"), "2");
  const next = await LayerFolders.open(join(folder, "layers"), code, realWorld());
  assert.equal(existsSync(made ?? ""), false);
  assert.equal(read(await next.of([one, two]), "one"), "1");
  assert.deepEqual(
    readdirSync(join(folder, "layers")).filter((name) => name.startsWith(".")),
    [],
  );
});

test("what is not there is named, and extensions are the files of one folder", async () => {
  await assert.rejects(layers.of(["0".repeat(64)]), /There is no code with the digest/);
  const digest = await add(
    { name: "extensions/b", data: "" },
    { name: "extensions/a", data: "" },
    { name: "extensions/more/c", data: "" },
  );
  assert.deepEqual(await layers.extensionsIn(digest), ["a", "b"]);
  assert.deepEqual(await layers.extensionsIn(await add({ name: "x", data: "" })), []);
});
