import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { realWorld } from "../../lib/world.ts";
import { setWorld } from "../../../test/set-world.ts";
import { CodeStore } from "../code/code-store.ts";
import { CompiledStore } from "../code/compiled-store.ts";
import { Leftovers } from "../code/leftovers.ts";
import { PackageStore } from "../code/package-store.ts";
import { unpackRecords } from "./records.ts";

let folder = "";
let store: PackageStore;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "records-test-"));
  store = await PackageStore.open(join(folder, "packages"), realWorld(), async () => {});
});
after(() => rmSync(folder, { recursive: true, force: true }));

type Entry = readonly [head: object, content?: string];

function bytesOf(entries: readonly Entry[]): Buffer {
  const pieces = entries.flatMap(([head, content = ""]) => {
    const text = Buffer.from(JSON.stringify({ ...head, ...(content === "" ? {} : { size: content.length, mode: 0o644 }) }));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(text.length);
    return [length, text, Buffer.from(content)];
  });
  return Buffer.concat([...pieces, Buffer.alloc(4)]);
}

/** In pieces of a few bytes, as a connection may deliver it. */
async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const add = (key: string, bytes: Buffer, size = 7) =>
  store.add(key, (tree) => unpackRecords(inPieces(bytes, size), tree, ["node_modules"]));

const leaf: readonly Entry[] = [
  [{ type: "folder", path: "node_modules/leaf" }],
  [{ type: "file", path: "node_modules/leaf/index.js", modifiedMs: 1000 }, "leaf"],
  [{ type: "link", path: "node_modules/.bin/leaf", target: "../leaf/index.js" }],
];

function codeOf(name: string, files: Readonly<Record<string, string>>): string {
  const code = join(folder, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(code, path)), { recursive: true });
    writeFileSync(join(code, path), text);
  }
  return code;
}

test("what a sandbox sends is kept, and lies in the code's folder with the code", async () => {
  await add("a", bytesOf(leaf));
  assert.deepEqual(await store.find("a"), { bytes: 4, files: 2 });
  const code = codeOf("code", { "index.js": "code" });
  const both = await store.join("a", "d1", code);
  assert.equal(readFileSync(join(both, "node_modules/leaf/index.js"), "utf8"), "leaf");
  assert.equal(readlinkSync(join(both, "node_modules/.bin/leaf")), "../leaf/index.js");
  assert.equal(readFileSync(join(both, "index.js"), "utf8"), "code");
  assert.equal(await store.join("a", "d1", code), both);
});

test("what is no record, lies elsewhere, leads out or is cut off is refused, and nothing of it is kept", async () => {
  const refuse = async (entries: readonly Entry[], message: RegExp) =>
    await assert.rejects(add("bad", bytesOf(entries)), { code: "invalid", message });
  await refuse([[{ type: "file", path: "index.js" }, "x"]], /outside/);
  await refuse([[{ type: "file", path: "node_modules/../index.js" }, "x"]], /"\.\."/);
  await refuse([[{ type: "link", path: "node_modules/x", target: "/etc/passwd" }]], /not a relative path/);
  await refuse([[{ type: "link", path: "node_modules/x", target: "../../x" }]], /leaves the archive/);
  await refuse([[{ type: "pipe", path: "node_modules/x" }]], /head that is none/);
  await refuse([[{ type: "file", path: "node_modules/x", size: -1 }]], /head that is none/);
  await assert.rejects(add("bad", bytesOf(leaf).subarray(0, 100)), /cut off/);
  await assert.rejects(add("bad", Buffer.from("0a0000007b7b7b7b7b7b7b7b7b7b", "hex")), /no JSON/);
  assert.equal(await store.find("bad"), null);
  assert.deepEqual(readdirSync(join(folder, "packages")), ["a"]);
});

test("a link of the packages must not lead out through one of the code", async () => {
  const code = codeOf("linked", { "deep/er/index.js": "x" });
  symlinkSync("../..", join(code, "deep/er/up"));
  await add("through", bytesOf([[{ type: "link", path: "node_modules/x", target: "../deep/er/up/../y" }]]));
  await assert.rejects(store.join("through", "d2", code), /leaves the archive/);
});

test("files of the code are never written to", async () => {
  await add("same", bytesOf(leaf));
  const code = codeOf("taken", { "node_modules/leaf/index.js": "mine" });
  await assert.rejects(store.join("same", "d3", code), { code: "invalid", message: /is there twice/ });
  assert.equal(readFileSync(join(code, "node_modules/leaf/index.js"), "utf8"), "mine");
});

test("packages that are gone are told as such", async () => {
  await assert.rejects(store.join("never", "d", folder), { code: "not_found", message: /send the code again/ });
});

test("an interrupted installation is removed by the next start", async () => {
  mkdirSync(join(folder, "packages/.new-x/files"), { recursive: true });
  await PackageStore.open(join(folder, "packages"), realWorld(), async () => {});
  assert.ok(!readdirSync(join(folder, "packages")).includes(".new-x"));
});

test("packages that lie together with no code that is in use go after an hour, and nothing else", async () => {
  const world = setWorld();
  const place = join(folder, "kept");
  const packages = await PackageStore.open(`${place}/packages`, world, async () => {});
  const code = await CodeStore.open(`${place}/code`, world);
  const compiled = await CompiledStore.open(`${place}/compiled`, world);
  const [old, now] = await Promise.all(["1", "2"].map((text) => code.add({ bytes: Buffer.from(text), fileName: "index.js" })));
  assert.ok(old && now);
  for (const [key, digest] of [
    ["both", old.digest],
    ["both", now.digest],
    ["old", old.digest],
  ] as const) {
    await packages.add(key, (tree) => unpackRecords(inPieces(bytesOf(leaf), 100), tree, ["node_modules"]));
    await packages.join(key, digest, (await code.get(digest)).folder);
  }
  const leftovers = new Leftovers({ code, compiled, packages, layers: { forget: async () => {} } }, () => {});
  const round = async () => {
    while (await leftovers.step({ code: async (digest) => digest === now.digest, function: async () => true }));
  };
  const kept = async () => {
    const all: string[] = [];
    for await (const { key, digests } of packages.entries()) all.push(`${key} ${digests.length}`);
    return all.toSorted();
  };
  await round();
  world.pass(3_599_999);
  await round();
  assert.deepEqual(await kept(), ["both 2", "old 1"]);
  world.pass(1);
  await round();
  assert.deepEqual(await kept(), ["both 1"]);
  assert.equal(await packages.find("old"), null);
  assert.deepEqual(await packages.find("both"), { bytes: 4, files: 2 });
});
