import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { makeTar } from "../../../test/archives.ts";
import { type ImageRegistry, noImageRegistry, startImageRegistry, storedBlob } from "../../../test/image-registry.ts";
import { makeImage, pushImage, type TestImage, testRegistry } from "../../../test/images.ts";
import { layersOf, slowRegistry } from "../../../test/slow-registry.ts";
import { realWorld, type World } from "../../lib/world.ts";
import { PulledImages } from "./pulled-images.ts";

const skip = noImageRegistry ?? false;
const timeout = 60_000;

let server: ImageRegistry;
let folder: string;

before(async () => {
  if (skip) return;
  server = await startImageRegistry();
  folder = mkdtempSync(join(tmpdir(), "pulled-"));
});

after(async () => {
  await server?.stop();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const base = makeTar([{ name: "bin/program", mode: 0o755, data: "#!/bin/sh\n" }]);
const imageOf = (data: Buffer): TestImage => makeImage([base, makeTar([{ name: "data", data }])], { Cmd: ["program"] });

interface OpenOptions {
  readonly cacheBytesMax?: number;
  readonly world?: World;
  readonly say?: (line: string) => void;
}

async function open(place: string, { cacheBytesMax = 1024 ** 3, world = realWorld(), say = () => {} }: OpenOptions = {}) {
  const settings = { registry: testRegistry, defaultRegistry: server.host, pullTimeoutMs: timeout, cacheBytesMax };
  return await PulledImages.open(place, settings, { world, say });
}

/** What a folder of images holds. */
const kept = (place: string) => ({
  layers: readdirSync(join(place, "layers")).length,
  roots: readdirSync(join(place, "roots")).length,
  unfinished: readdirSync(place).filter((name) => name.startsWith(".new-")).length,
});

/** Of an image with two layers: the other one stays where it was whole before the first was refused. */
function assertOneAtMost(place: string): void {
  const { layers, ...others } = kept(place);
  assert.ok(layers <= 1);
  assert.deepEqual(others, { roots: 0, unfinished: 0 });
}

test("a registry that lies about a layer is refused, and nothing of that layer is kept", { skip, timeout }, async () => {
  const place = join(folder, "lies");
  const image = imageOf(Buffer.from("true"));
  await pushImage(`${server.host}/lies:1`, image);
  const file = storedBlob(server, image.blobs[2]?.digest as string);
  const bytes = readFileSync(file);
  const images = await open(place);
  // Of the same length, and still something that can be unpacked.
  writeFileSync(file, Buffer.from(bytes).fill(0x77, 4, 5));
  await assert.rejects(
    images.prepare("lies:1", null),
    /^PlatformError: Failed to pull image 'lies:1': the registry sent another blob.*\. Its name has no registry: .*images=docker$/,
  );
  assertOneAtMost(place);
  writeFileSync(file, bytes);
  const { root } = await images.prepare("lies:1", null);
  assert.equal(readFileSync(join(root as string, "data"), "utf8"), "true");
  assert.deepEqual(kept(place), { layers: 2, roots: 1, unfinished: 0 });
  // Later than it is used: the disk may be busy with others.
  const isMarked = () =>
    ["layers", "roots"].every((below) =>
      readdirSync(join(place, below)).every((name) => existsSync(join(place, below, name, "synced"))),
    );
  for (const giveUpAt = Date.now() + timeout; !isMarked(); await sleep(20)) assert.ok(Date.now() < giveUpAt, "the disk has it");
});

test("an image that is larger than all may be together is refused", { skip, timeout }, async () => {
  const place = join(folder, "large");
  await pushImage(`${server.host}/large:1`, imageOf(Buffer.alloc(2_000_000)));
  await assert.rejects(
    (await open(place, { cacheBytesMax: 1_000_000 })).prepare("large:1", null),
    /a layer is refused: it unpacks to more than 1000000 bytes/,
  );
  assertOneAtMost(place);
});

test("images with a layer in common that come at the same time are kept, whoever's copy of it is", {
  skip,
  timeout,
}, async () => {
  const files = Array.from({ length: 600 }, (_, i) => ({ name: `files/${i}`, data: String(i) }));
  const common = makeTar([{ name: "bin/program", mode: 0o755, data: "#!/bin/sh\n" }, ...files]);
  for (const name of ["one", "two"]) {
    await pushImage(
      `${server.host}/${name}:1`,
      makeImage([common, makeTar([{ name: "data", data: name }])], { Cmd: ["program"] }),
    );
  }
  // Both have to be on their way at once, which no round promises.
  for (let round = 0; round < 3; round++) {
    const place = join(folder, `common-${round}`);
    const images = await open(place);
    const prepared = await Promise.all(["one", "two"].map((name) => images.prepare(`${name}:1`, null)));
    const read = prepared.map(({ root }) => readFileSync(join(root as string, "data"), "utf8"));
    assert.deepEqual(read, ["one", "two"]);
    assert.deepEqual(kept(place), { layers: 3, roots: 2, unfinished: 0 });
  }
});

test("images that push each other out are whole as long as somebody has just been given them", { skip, timeout }, async () => {
  const names = ["a", "b", "c", "d"];
  for (const name of names) await pushImage(`${server.host}/push-${name}:1`, imageOf(randomFillSync(Buffer.alloc(200_000))));
  // On a disk so slow that what takes it a moment is what others call long ago.
  const world = { ...realWorld(), now: () => Date.now() * 20 };
  const images = await open(join(folder, "pushed"), { cacheBytesMax: 300_000, world });
  const wanted = [...names, ...names.toReversed(), ...names];
  const take = async (id: string) => {
    for (let name = wanted.shift(); name !== undefined; name = wanted.shift()) {
      const { root, hold } = await images.prepare(`push-${name}:1`, { id, revision: 1 });
      const letGo = hold?.();
      assert.ok(existsSync(join(root as string, "bin/program")), name);
      letGo?.();
    }
  };
  await Promise.all(["x", "y", "z"].map(take));
});

test("a process that pulls and is killed is followed by another, and the log says so", { skip, timeout }, async () => {
  const image = imageOf(Buffer.from("held back"));
  await pushImage(`${server.host}/killed:1`, image);
  const slow = await slowRegistry(server.host, layersOf(image));
  try {
    const said: string[] = [];
    const images = await open(join(folder, "killed"), { say: (line) => said.push(line) });
    const coming = images.prepare(`${slow.host}/killed:1`, null);
    while (slow.asked() === 0) await sleep(10);
    for (const pid of pullers()) process.kill(pid, "SIGKILL");
    slow.go();
    const { root } = await coming;
    assert.equal(readFileSync(join(root as string, "data"), "utf8"), "held back");
    assert.match(said.join("\n"), /The image killed could not be kept: The process that pulls images ended with SIGKILL/);
  } finally {
    await slow.stop();
  }
});

/** Processes that pull for this one and have not yet told what became of it. */
function pullers(): number[] {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ").map(Number);
  return children.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("pull-main"));
}

const cannotMount = process.getuid?.() === 0 && process.platform === "linux" ? skip : "a small disk is mounted as root on Linux";

test("a disk that is full is told as such, and has nothing half done on it", { skip: cannotMount, timeout }, async () => {
  const disk = mkdtempSync(join(folder, "disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "none", disk]);
  try {
    const place = join(disk, "images");
    await pushImage(`${server.host}/full:1`, imageOf(randomFillSync(Buffer.alloc(12_000_000))));
    await assert.rejects(
      (await open(place)).prepare("full:1", null),
      /Failed to pull image 'full:1': the disk of this server is full/,
    );
    assertOneAtMost(place);
  } finally {
    // What came whole is still being seen onto the disk.
    execFileSync("umount", ["--lazy", disk]);
  }
});
