import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { World } from "../../lib/world.ts";
import { realWorld } from "../../lib/world.ts";
import { ImageCache } from "./image-cache.ts";
import { type LayerNote, noteName, type RootNote } from "./pull-job.ts";
import { thisBoot } from "./unsynced.ts";

let folder: string;
let now = Date.now() + 60_000;
let removed = 0;
const world: World = { ...realWorld(), now: () => now };

before(() => {
  folder = mkdtempSync(join(tmpdir(), "image-cache-"));
});

after(() => rmSync(folder, { recursive: true, force: true }));

async function open(name: string, bytesMax = 100): Promise<ImageCache> {
  return await ImageCache.open(join(folder, name), world, bytesMax, () => removed++);
}

/** An image of layers of 40 bytes each, as a pull leaves it. */
function pulled(cache: ImageCache, name: string, layers: readonly string[]): string {
  const digest = `sha256:${name}`;
  const diffIds = layers.map((layer) => `sha256:${layer}`);
  for (const id of diffIds) write(cache.layerFolder(id), { bytes: 40, entries: 1 } satisfies LayerNote);
  const root = cache.newRootFolder();
  write(root, { digest, layers: diffIds, config: {}, entries: 1 } satisfies RootNote);
  cache.came(root, diffIds);
  return digest;
}

function write(place: string, note: object): void {
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, noteName), JSON.stringify(note));
}

test("over the limit the image that was used longest ago goes, with layers that are no other's", async () => {
  const cache = await open("lru");
  const first = pulled(cache, "first", ["base", "a"]);
  now += 10_000;
  const second = pulled(cache, "second", ["base", "b"]);
  now += 10_000;
  cache.find(first);
  now += 10_000;
  removed = 0;
  await cache.clean();
  assert.deepEqual([cache.has(first), cache.has(second), removed], [true, false, 1]);
  assert.deepEqual(readdirSync(join(folder, "lru/layers")).toSorted(), ["a", "base"]);
  assert.equal(readdirSync(join(folder, "lru/roots")).length, 1);
});

test("what is held, handed out just now or waited for stays, however much there is", async () => {
  const cache = await open("held", 1);
  const held = pulled(cache, "held", ["h"]);
  const letGo = cache.hold(held);
  const handedOut = pulled(cache, "handed", ["o"]);
  const stopWaiting = cache.awaitLayers(["sha256:w"]);
  write(cache.layerFolder("sha256:w"), { bytes: 40, entries: 1 });
  cache.came(cache.newRootFolder(), ["sha256:w"]);
  now += 10_000;
  cache.find(handedOut);
  await cache.clean();
  assert.deepEqual(readdirSync(join(folder, "held/layers")).toSorted(), ["h", "o", "w"]);
  letGo();
  letGo();
  stopWaiting();
  now += 10_000;
  await cache.clean();
  assert.deepEqual([cache.has(held), cache.has(handedOut)], [false, false]);
  assert.deepEqual(readdirSync(join(folder, "held/layers")), []);
});

test("a restart keeps what is there, in the order in which it was used, and removes what was not finished", async () => {
  const cache = await open("restart", 1000);
  const first = pulled(cache, "first", ["a"]);
  const second = pulled(cache, "second", ["b"]);
  cache.find(second);
  now += 10_000;
  cache.find(first);
  const work = await cache.workFolder();
  now += 10_000;
  const again = await open("restart", 50);
  assert.equal(existsSync(work), false);
  assert.deepEqual([again.has(first), again.has(second)], [true, true]);
  await again.clean();
  assert.deepEqual([again.has(first), again.has(second)], [true, false]);
});

test("after the machine's power was lost what the disk may not have is gone, and after a process died it stays", async () => {
  const cache = await open("power", 1000);
  const old = pulled(cache, "old", ["old"]);
  const [lost, kept, unfinished] = ["lost", "kept", "unfinished"].map((name) => {
    const digest = pulled(cache, name, [name]);
    const folders = [cache.layerFolder(`sha256:${name}`), cache.find(digest)?.folder as string];
    const boot = name === "unfinished" ? thisBoot() : "another start of the machine";
    for (const place of folders) write(place, { ...(JSON.parse(readFileSync(join(place, noteName), "utf8")) as object), boot });
    if (name === "kept") for (const place of folders) writeFileSync(join(place, "synced"), "");
    return { digest, folders };
  });
  const torn = cache.layerFolder("sha256:torn");
  mkdirSync(torn);
  writeFileSync(join(torn, noteName), "");
  const again = await open("power", 1000);
  const there = [old, lost?.digest, kept?.digest, unfinished?.digest].map((digest) => again.has(digest as string));
  assert.deepEqual(there, [true, false, true, true]);
  assert.deepEqual(readdirSync(join(folder, "power/layers")).toSorted(), ["kept", "old", "unfinished"]);
  const isMarked = () => unfinished?.folders.every((place) => existsSync(join(place, "synced")));
  for (const giveUpAt = Date.now() + 60_000; !isMarked(); await sleep(20)) assert.ok(Date.now() < giveUpAt);
});
