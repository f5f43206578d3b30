import assert from "node:assert/strict";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { makeTar, paxHeader, type TarEntry } from "../../../test/archives.ts";
import { shownTree } from "../../../test/images.ts";
import { digestOf } from "../../oci/digest.ts";
import { entriesOf, hidingsOf } from "./layer.ts";
import { MergedTree } from "./merge.ts";
import { unpackLayer } from "./unpack.ts";
import { addPlatformParts, writeTree } from "./write-tree.ts";

let folder: string;
let made = 0;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "layers-"));
});

after(() => rmSync(folder, { recursive: true, force: true }));

const limits = { bytesMax: 1_000_000, entriesMax: 200 };

/** Unpacks layers and makes a tree of them. */
async function unpack(layers: readonly (readonly TarEntry[])[], platformParts = false): Promise<string> {
  const place = join(folder, String(++made));
  const folders: string[] = [];
  const tree = new MergedTree();
  for (const entries of layers) {
    const layer = `${place}-${folders.length}`;
    mkdirSync(layer);
    await unpackOne(makeTar(entries), layer);
    await tree.add(hidingsOf(layer), entriesOf(layer));
    folders.push(layer);
  }
  if (platformParts) addPlatformParts(tree, "/work/here");
  writeTree(tree.root, place, folders);
  return place;
}

async function unpackOne(archive: Buffer, layer: string): Promise<void> {
  async function* source() {
    yield gzipSync(archive);
  }
  await unpackLayer(source(), digestOf(archive), layer, limits);
}

const cases: [name: string, layers: TarEntry[][], expected: string[]][] = [
  ["a later layer replaces a file", [[{ name: "a", data: "1" }], [{ name: "a", data: "2" }]], ["a: 2"]],
  [
    "names that begin with a slash or a dot",
    [
      [
        { name: "/a/./b", data: "1" },
        { name: "./c//d", data: "2" },
      ],
    ],
    ["a/", "a/b: 1", "c/", "c/d: 2"],
  ],
  [
    "a whiteout takes a file away",
    [
      [
        { name: "d/a", data: "1" },
        { name: "d/b", data: "2" },
      ],
      [{ name: "d/.wh.a" }],
    ],
    ["d/", "d/b: 2"],
  ],
  ["a whiteout takes a folder away", [[{ name: "d/e/a", data: "1" }], [{ name: ".wh.d" }]], []],
  [
    "a whiteout takes away what is below, not what comes with it",
    [[{ name: "d/a", data: "1" }], [{ name: "d/a", data: "2" }, { name: "d/.wh.a" }]],
    ["d/", "d/a: 2"],
  ],
  [
    "an opaque folder is empty but for what comes with it",
    [
      [
        { name: "d/a", data: "1" },
        { name: "d/e/f", data: "1" },
      ],
      [{ name: "d/b", data: "2" }, { name: "d/.wh..wh..opq" }],
    ],
    ["d/", "d/b: 2"],
  ],
  ["a whiteout of nothing", [[{ name: ".wh.a" }, { name: "b", data: "" }]], ["b: "]],
  ["notes of old file systems", [[{ name: ".wh..wh.plnk/1" }, { name: ".wh..wh.aufs" }, { name: "b", data: "" }]], ["b: "]],
  [
    "a hard link has the same content",
    [[{ name: "a", data: "1" }], [{ name: "d/b", type: "1", target: "a" }]],
    ["a: 1", "d/", "d/b: 1"],
  ],
  [
    "a link is kept as it is, wherever it leads",
    [
      [
        { name: "a", type: "2", target: "/etc/passwd" },
        { name: "b", type: "2", target: "../../.." },
      ],
    ],
    ["a -> /etc/passwd", "b -> ../../.."],
  ],
  [
    "a path goes through a link of a layer below",
    [
      [
        { name: "usr/lib/", type: "5" },
        { name: "lib", type: "2", target: "usr/lib" },
      ],
      [{ name: "lib/x", data: "1" }],
    ],
    ["lib -> usr/lib", "usr/", "usr/lib/", "usr/lib/x: 1"],
  ],
  [
    "a path goes through an absolute link, which is absolute inside",
    [
      [
        { name: "etc/", type: "5" },
        { name: "out", type: "2", target: "/etc" },
      ],
      [{ name: "out/passwd", data: "ours" }],
    ],
    ["etc/", "etc/passwd: ours", "out -> /etc"],
  ],
  [
    "a link out of it stays in it",
    [
      [
        { name: "out", type: "2", target: "../../../../../../tmp" },
        { name: "out/x", data: "1" },
      ],
    ],
    ["out -> ../../../../../../tmp", "tmp/", "tmp/x: 1"],
  ],
  [
    "a folder over a link replaces it",
    [
      [{ name: "a", type: "2", target: "b" }],
      [
        { name: "a/", type: "5" },
        { name: "a/x", data: "1" },
      ],
    ],
    ["a/", "a/x: 1"],
  ],
  ["a file over a folder replaces it", [[{ name: "a/x", data: "1" }], [{ name: "a", data: "2" }]], ["a: 2"]],
  [
    "a name that occurs twice is the last one",
    [
      [
        { name: "a", data: "1" },
        { name: "a", data: "2" },
      ],
    ],
    ["a: 2"],
  ],
  [
    "devices and pipes are not there",
    [
      [
        { name: "null", type: "3" },
        { name: "sda", type: "4" },
        { name: "pipe", type: "6" },
        { name: "b", data: "" },
      ],
    ],
    ["b: "],
  ],
];

for (const [name, layers, expected] of cases) {
  test(`layers as a tree: ${name}`, async () => {
    assert.deepEqual(shownTree(await unpack(layers)), expected);
  });
}

const refused: [name: string, layers: TarEntry[][], message: RegExp][] = [
  ["a path that leads out", [[{ name: "../a", data: "1" }]], /leads out of it/],
  ["a path that leads out in the middle", [[{ name: "a/../../b", data: "1" }]], /leads out of it/],
  ["a hard link to outside", [[{ name: "a", type: "1", target: "../../etc/passwd" }]], /leads out of it/],
  ["a hard link to the machine's file", [[{ name: "a", type: "1", target: "/etc/passwd" }]], /does not have/],
  [
    "a hard link through a link to outside",
    [[{ name: "out", type: "2", target: "/etc" }], [{ name: "a", type: "1", target: "out/passwd" }]],
    /does not have/,
  ],
  [
    "a hard link to a folder",
    [
      [
        { name: "d/", type: "5" },
        { name: "a", type: "1", target: "d" },
      ],
    ],
    /to the folder/,
  ],
  [
    "links without end",
    [
      [
        { name: "a", type: "2", target: "b" },
        { name: "b", type: "2", target: "a" },
        { name: "a/x", data: "" },
      ],
    ],
    /too many links/,
  ],
  [
    "a path through a file",
    [
      [
        { name: "a", data: "" },
        { name: "a/b", data: "" },
      ],
    ],
    /through a file/,
  ],
  ["a name that is too long", [[paxHeader({ path: "n".repeat(256) }), { name: "a" }]], /too long/],
  ["a path that is too long", [[paxHeader({ path: "n/".repeat(3000) }), { name: "a" }]], /too long/],
  ["too many files", [Array.from({ length: 201 }, (_, index) => ({ name: String(index) }))], /more than 200 files/],
  ["too many bytes", [[{ name: "a", data: Buffer.alloc(1_000_001) }]], /more than 1000000 bytes/],
];

for (const [name, layers, message] of refused) {
  test(`layers that are refused: ${name}`, async () => {
    await assert.rejects(unpack(layers), message);
  });
}

test("whoever could read or run something in an image, its one user can; nobody becomes somebody else by it", async () => {
  const place = await unpack([
    [
      { name: "secret", mode: 0o600, data: "1" },
      { name: "run", mode: 0o4700, data: "2" },
      { name: "d/", type: "5", mode: 0o700 },
    ],
  ]);
  assert.equal(lstatSync(join(place, "secret")).mode & 0o7777, 0o644);
  assert.equal(lstatSync(join(place, "run")).mode & 0o7777, 0o755);
  assert.equal(lstatSync(join(place, "d")).mode & 0o7777, 0o755);
});

test("files keep their times, and images of one layer share its files", async () => {
  const entry = { name: "a", data: "1", modifiedAt: 1_600_000_000 };
  const place = await unpack([[entry, { name: "b", type: "1", target: "a" }]]);
  assert.equal(lstatSync(join(place, "a")).mtimeMs, 1_600_000_000_000);
  assert.equal(lstatSync(join(place, "a")).ino, lstatSync(join(place, "b")).ino);
  assert.equal(lstatSync(join(place, "a")).ino, lstatSync(`${place}-0/files/0/0`).ino);
});

test("what a sandbox mounts on is there and is no link, whatever the image has there", async () => {
  const outside = join(folder, "outside");
  writeFileSync(outside, "mine");
  const place = await unpack(
    [
      [
        { name: "tmp", type: "2", target: "/var/tmp" },
        { name: "proc", data: "a file" },
        { name: "run", type: "2", target: "/oldroot/etc" },
        { name: "etc/resolv.conf", type: "2", target: outside },
        { name: "etc/hosts", type: "2", target: outside },
      ],
    ],
    true,
  );
  for (const path of ["proc", "sys", "dev", "tmp", "run", "run/kiln", "work/here"])
    assert.ok(lstatSync(join(place, path)).isDirectory(), path);
  assert.ok(lstatSync(join(place, "etc/resolv.conf")).isFile());
  assert.match(readFileSync(join(place, "etc/hosts"), "utf8"), /^127\.0\.0\.1\tlocalhost/);
  assert.equal(readFileSync(outside, "utf8"), "mine");
});

test("whatever an archive says, nothing is written beside the tree", async () => {
  const part = fc.constantFrom("a", "b", "..", ".", "", "etc", ".wh.a", ".wh..wh..opq", ".wh...", "x\0y");
  const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
  const entry = fc.record({
    name: path,
    type: fc.constantFrom("0", "1", "2", "3", "5", "x"),
    target: path,
    data: fc.constantFrom("", "1"),
  });
  const sentinel = mkdtempSync(join(folder, "sentinel-"));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(entry, { maxLength: 6 }), { maxLength: 3 }), async (layers) => {
      const known = new Set(readdirSync(folder));
      await unpack(layers).catch(() => {});
      const written = readdirSync(folder).filter((name) => !known.has(name));
      assert.ok(
        written.every((name) => /^\d+(-\d)?$/.test(name)),
        written.join(),
      );
      for (const name of written) rmSync(join(folder, name), { recursive: true, force: true });
    }),
    { numRuns: 200 },
  );
  assert.deepEqual(readdirSync(sentinel), []);
  assert.equal(existsSync(join(folder, "..", "a")), false);
});
