import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setWorld } from "../../../test/set-world.ts";
import { DigestPins } from "../pulled/pins.ts";
import { CodeStore } from "./code-store.ts";
import { CompiledStore } from "./compiled-store.ts";
import { Leftovers } from "./leftovers.ts";

const hourMs = 3_600_000;

/** Some code, what was compiled from it for two functions, and a test that says what is in use. */
async function withStores(run: (room: Awaited<ReturnType<typeof open>>) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "leftovers-test-"));
  try {
    await run(await open(folder));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function open(folder: string) {
  const world = setWorld();
  const code = await CodeStore.open(`${folder}/code`, world);
  const compiled = await CompiledStore.open(`${folder}/compiled`, world);
  const pins = new DigestPins(`${folder}/pins`, world);
  const used = new Set<string>();
  let removals = 0;
  const leftovers = new Leftovers({ code, compiled, layers: { forget: async () => {} }, notes: pins }, () => removals++);
  const add = (text: string) => code.add({ bytes: Buffer.from(text), fileName: "index.js" });
  const compile = async (owner: string, digest: string) => {
    const { folder: files } = await code.get(digest);
    assert.ok(await compiled.add(keyOf(owner, digest), files, records(".kiln/modules", "code")));
  };
  return {
    world,
    code,
    compiled,
    used,
    pins,
    add,
    compile,
    removals: () => removals,
    round: async () => {
      while (
        await leftovers.step({
          code: async (digest, owner) => used.has(owner === null ? digest : `${owner} ${digest}`),
          function: async (id) => used.has(id),
        })
      );
    },
    kept: () => [`${folder}/code`, `${folder}/compiled`].map((each) => readdirSync(each).toSorted()),
  };
}

const keyOf = (owner: string, digest: string) => ({ owner, code: digest, parts: [digest] });

const records = (path: string, content: string) => Buffer.concat([sized(path), sized(content), Buffer.alloc(4)]);

function sized(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(Buffer.byteLength(text));
  return Buffer.concat([length, Buffer.from(text)]);
}

test("which images a function's revisions had is forgotten with the function", async () => {
  await withStores(async ({ pins, used, round }) => {
    for (const id of ["one", "two"]) await pins.add(id, 1, "hello:1", "sha256:00");
    used.add("one");
    used.add("two");
    await round();
    const found = () => Promise.all(["one", "two"].map((id) => pins.find(id, 1, "hello:1")));
    assert.deepEqual(await found(), ["sha256:00", "sha256:00"]);
    used.delete("two");
    await round();
    assert.deepEqual(await found(), ["sha256:00", null]);
  });
});

test("code that no revision has goes after an hour, and what was compiled from it, and nothing else", async () => {
  await withStores(async ({ world, used, add, compile, round, kept, removals }) => {
    const [old, now] = [await add("exports.handler = () => 1"), await add("exports.handler = () => 2")];
    for (const digest of [old.digest, now.digest]) for (const owner of ["fn1", "fn2"]) await compile(owner, digest);
    for (const name of [now.digest, `fn1 ${now.digest}`]) used.add(name);
    await round();
    world.pass(hourMs - 1);
    await round();
    assert.deepEqual([kept(), removals()], [[[old.digest, now.digest].toSorted(), ["fn1", "fn2"]], 0]);
    world.pass(1);
    await round();
    assert.deepEqual([kept(), removals()], [[[now.digest], ["fn1"]], 4]);
    world.pass(hourMs);
    await round();
    assert.deepEqual([kept(), removals()], [[[now.digest], ["fn1"]], 4]);
  });
});

test("of one function the revisions that are kept keep what was compiled for them", async () => {
  await withStores(async ({ world, compiled, used, add, compile, round }) => {
    const [old, now] = [await add("exports.handler = () => 1"), await add("exports.handler = () => 2")];
    for (const digest of [old.digest, now.digest]) {
      await compile("fn1", digest);
      used.add(digest);
    }
    used.add(`fn1 ${now.digest}`);
    await round();
    world.pass(hourMs);
    await round();
    assert.deepEqual(
      [await compiled.find(keyOf("fn1", old.digest)), (await compiled.find(keyOf("fn1", now.digest))) !== null],
      [null, true],
    );
  });
});

test("code that is uploaded again, or asked for, is kept for another hour; and comes back when it was gone", async () => {
  await withStores(async ({ world, code, add, round }) => {
    const { digest } = await add("exports.handler = () => 1");
    await round();
    world.pass(hourMs);
    await add("exports.handler = () => 1");
    await round();
    assert.notEqual(await code.find(digest), null);
    world.pass(hourMs);
    await round();
    assert.notEqual(await code.find(digest), null, "it was asked for a moment ago");
    await round();
    world.pass(hourMs);
    const removed = round();
    // Whoever comes in the middle of it waits.
    await add("exports.handler = () => 1");
    await removed;
    const { folder } = await code.get(digest);
    assert.ok(existsSync(`${folder}/index.js`));
  });
});
