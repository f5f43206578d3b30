import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { realWorld } from "../../lib/world.ts";
import { type CompiledKey, CompiledStore } from "./compiled-store.ts";

let top = "";
let code = "";
let store: CompiledStore;
let folders = 0;
const key: CompiledKey = { owner: "01JD0000000000000000000001", code: "digest", parts: [1, "nodejs:24", "digest"] };

before(async () => {
  top = await mkdtemp(join(tmpdir(), "kiln-compiled-"));
  code = join(top, "code");
  await mkdir(join(code, "lib"), { recursive: true });
  await writeFile(join(code, "index.js"), "source");
  await writeFile(join(code, "lib/tool"), "tool", { mode: 0o755 });
  await chmod(join(code, "lib/tool"), 0o755);
  await symlink("index.js", join(code, "main.js"));
  await symlink("/etc", join(code, "__pycache__"));
});
beforeEach(async () => {
  store = await CompiledStore.open(join(top, `store-${++folders}`), realWorld());
});
after(() => rm(top, { recursive: true, force: true }));

function records(files: Readonly<Record<string, string>>, end = true): Buffer {
  const parts = Object.entries(files).flatMap(([path, text]) => [sized(path), sized(text)]);
  return Buffer.concat([...parts, ...(end ? [Buffer.alloc(4)] : [])]);
}

function sized(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(Buffer.byteLength(text));
  return Buffer.concat([length, Buffer.from(text)]);
}

test("what was made is beside the stored files, for this function and this code only, also after a restart", async () => {
  assert.equal(await store.find(key), null);
  const usual = process.umask(0o077);
  assert.equal(
    await store.add(key, code, records({ ".kiln/modules": "made", "lib/__pycache__/a.cpython-311.pyc": "bytecode" })),
    true,
  );
  process.umask(usual);
  const reopened = await CompiledStore.open(join(top, `store-${folders}`), realWorld());
  for (const each of [store, reopened]) {
    const folder = (await each.find(key)) ?? "";
    assert.equal(await readFile(join(folder, ".kiln/modules"), "utf8"), "made");
    assert.equal(await readFile(join(folder, "lib/__pycache__/a.cpython-311.pyc"), "utf8"), "bytecode");
    assert.equal(await readFile(join(folder, "main.js"), "utf8"), "source");
    assert.equal((await stat(join(folder, "lib/tool"))).mode & 0o777, 0o755);
    for (const path of ["", ".kiln", ".kiln/modules", "lib"])
      assert.equal((await stat(join(folder, path))).mode & 0o005, (await stat(join(folder, path))).isDirectory() ? 0o005 : 0o004);
  }
  assert.equal(existsSync(join(code, ".kiln")), false);
  assert.equal(await store.find({ ...key, owner: "01JD0000000000000000000002" }), null);
  assert.equal(await store.find({ ...key, parts: [1, "nodejs:24", "other"] }), null);
});

const damages: readonly (readonly [string, (folder: string) => Promise<void>])[] = [
  ["a changed byte", (folder) => writeFile(join(folder, ".kiln/modules"), "mode")],
  ["a cut file", (folder) => writeFile(join(folder, ".kiln/modules"), "ma")],
  ["a missing file", (folder) => rm(join(folder, ".kiln/modules"))],
  ["broken facts", (folder) => writeFile(join(folder, "../compiled.json"), "{")],
];
for (const [what, damage] of damages) {
  test(`${what}: it is not used, and can be made again`, async () => {
    await store.add(key, code, records({ ".kiln/modules": "made" }));
    await damage((await store.find(key)) ?? "");
    assert.equal(await store.find(key), null);
    await store.add(key, code, records({ ".kiln/modules": "made" }));
    assert.equal(existsSync(join((await store.find(key)) ?? "?", ".kiln/modules")), true);
  });
}

const refused: readonly (readonly [string, Buffer])[] = [
  ["a path that leads out", records({ "../../x/__pycache__/a.pyc": "" })],
  ["an absolute path", records({ "/tmp/__pycache__/a.pyc": "" })],
  ["the code itself", records({ "index.js": "other" })],
  ["a module of the code", records({ "lib/tool": "other" })],
  ["any file beside bytecode", records({ "__pycache__/a.py": "" })],
  ["no end", records({ ".kiln/modules": "made" }, false)],
  ["a length beyond the end", Buffer.from("ffffff7f41", "hex")],
  ["nothing at all", Buffer.alloc(0)],
];
for (const [what, bytes] of refused) {
  test(`${what} is refused, and nothing is kept`, async () => {
    await assert.rejects(store.add(key, code, bytes), /can't be used|is refused/);
    assert.equal(await store.find(key), null);
    assert.deepEqual(await readdir(join(top, `store-${folders}`)), []);
  });
}

test("what the code brings itself stays, and nothing is written through its links", async () => {
  assert.equal(await store.add(key, code, records({ "__pycache__/a.cpython-311.pyc": "bytecode" })), false);
  assert.equal(existsSync("/etc/a.cpython-311.pyc"), false);
  assert.equal(await store.add(key, code, records({})), false);
  assert.equal(await store.find(key), null);
});
