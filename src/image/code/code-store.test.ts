import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, readlink, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { makeTar, makeZip, paxHeader, type TarEntry } from "../../../test/archives.ts";
import { realWorld } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import { CodeStore } from "./code-store.ts";

const small = { bytesMax: 4 * 1024 * 1024, unpackedBytesMax: 64 * 1024, filesMax: 20 };
const world = realWorld();
let folder = "";
let store: CodeStore;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "kiln-code-"));
  store = await CodeStore.open(join(folder, "code"), world, small);
});
after(() => rm(folder, { recursive: true, force: true }));

/** Uploads, and gives the unpacked tree as lines: `mode path = content`, `path -> target`, `path/`. */
async function unpacked(bytes: Buffer, fileName: string | null = null): Promise<string[]> {
  const { digest } = await store.add({ bytes, fileName });
  return treeOf((await store.get(digest)).folder);
}

async function treeOf(root: string): Promise<string[]> {
  const lines: string[] = [];
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const shown = path.slice(root.length + 1);
    if (entry.isSymbolicLink()) lines.push(`${shown} -> ${await readlink(path)}`);
    else if (entry.isDirectory()) lines.push(`${shown}/`);
    else lines.push(`${((await stat(path)).mode & 0o7777).toString(8)} ${shown} = ${await readFile(path, "utf8")}`);
  }
  return lines.toSorted();
}

describe("what is unpacked", () => {
  const cases: readonly (readonly [string, Buffer, string | null, readonly string[]])[] = [
    [
      "a zip",
      makeZip([
        { name: "a/b.js", data: "x" },
        { name: "run", data: "y", mode: 0o100755 },
      ]),
      null,
      ["644 a/b.js = x", "755 run = y", "a/"],
    ],
    [
      "a zip without modes",
      makeZip([
        { name: "run", data: "#!/bin/sh\n", mode: 0 },
        { name: "t", data: "t", mode: 0 },
      ]),
      null,
      ["644 t = t", "755 run = #!/bin/sh\n"],
    ],
    ["a stored entry", makeZip([{ name: "b.js", data: "x", method: 0 }]), null, ["644 b.js = x"]],
    ["setuid dropped", makeZip([{ name: "su", data: "x", mode: 0o104755 }]), null, ["755 su = x"]],
    [
      "a tar with ./",
      makeTar([
        { name: "./", type: "5" },
        { name: "./a/b.js", data: "x" },
      ]),
      null,
      ["644 a/b.js = x", "a/"],
    ],
    ["setuid in a tar dropped", makeTar([{ name: "su", data: "x", mode: 0o6777 }]), null, ["755 su = x"]],
    ["a tar.gz", gzipSync(makeTar([{ name: "é", data: "x" }])), "code.tgz", ["644 é = x"]],
    [
      "a folder named twice",
      makeTar([{ name: "d/", type: "5" }, { name: "d/", type: "5" }, { name: "d/f" }]),
      null,
      ["644 d/f = ", "d/"],
    ],
    ["one top folder kept", makeZip([{ name: "top/index.js", data: "x" }]), null, ["644 top/index.js = x", "top/"]],
    [
      "links inside",
      makeTar([
        { name: "node_modules/.bin/tool", type: "2", target: "../tool/cli.js" },
        { name: "node_modules/tool/cli.js", data: "x", mode: 0o755 },
      ]),
      null,
      [
        "755 node_modules/tool/cli.js = x",
        "node_modules/",
        "node_modules/.bin/",
        "node_modules/.bin/tool -> ../tool/cli.js",
        "node_modules/tool/",
      ],
    ],
    [
      "a link in a zip",
      makeZip([
        { name: "f", data: "x" },
        { name: "l", data: "f", mode: 0o120777 },
      ]),
      null,
      ["644 f = x", "l -> f"],
    ],
    [
      "a long name by pax",
      makeTar([paxHeader({ path: `${"d/".repeat(60)}f` }), { name: "short", data: "x" }]),
      null,
      [...Array.from({ length: 60 }, (_, i) => `${"d/".repeat(i + 1)}`), `644 ${"d/".repeat(60)}f = x`],
    ],
    ["a source file", Buffer.from("exports.x = 1"), "index.js", ["644 index.js = exports.x = 1"]],
    ["a script", Buffer.from("#!/bin/sh\necho"), "hello", ["755 hello = #!/bin/sh\necho"]],
    ["a program without a name", Buffer.from("#!/bin/sh\ndate"), null, ["755 main = #!/bin/sh\ndate"]],
  ];
  for (const [name, bytes, fileName, expected] of cases) {
    test(name, async () => {
      // The long path needs more folders than the small limits allow.
      const roomy = await CodeStore.open(join(folder, "roomy"), world);
      const { digest } = await roomy.add({ bytes, fileName });
      assert.deepEqual(await treeOf((await roomy.get(digest)).folder), expected.toSorted());
    });
  }
});

const f = (name: string | Buffer, more: Partial<TarEntry> = {}): TarEntry => ({ name, data: "x", ...more });
const link = (name: string, target: string): TarEntry => ({ name, type: "2", target });

describe("what is refused", () => {
  const zeros = Buffer.alloc(1024 * 1024);
  const good = makeTar([f("a"), f("b")]);
  const goodZip = makeZip([{ name: "a.js", data: "some text that is long enough" }]);
  const cases: readonly (readonly [string, Buffer, RegExp, string?])[] = [
    ["zip: parent", makeZip([{ name: "../a" }]), /"\.\.\/a" contains "\.\."/],
    ["zip: parent in the middle", makeZip([{ name: "a/../../b" }]), /contains "\.\."/],
    ["zip: absolute", makeZip([{ name: "/etc/passwd" }]), /"\/etc\/passwd" has an absolute path/],
    ["zip: drive", makeZip([{ name: "C:/a" }]), /absolute/],
    ["zip: backslash", makeZip([{ name: "..\\a" }]), /backslash/],
    ["zip: zero byte", makeZip([{ name: "a\0.js" }]), /zero byte/],
    ["zip: not UTF-8", makeZip([{ name: Buffer.from([0x61, 0xff, 0xfe]) }]), /not UTF-8/],
    ["zip: empty name", makeZip([{ name: "" }]), /has no name/],
    ["zip: twice", makeZip([{ name: "a" }, { name: "a" }]), /"a" occurs twice/],
    ["zip: twice in disguise", makeZip([{ name: "d/a" }, { name: "./d//a" }]), /occurs twice/],
    ["zip: file as folder", makeZip([{ name: "a" }, { name: "a/b" }]), /has the file "a" as a folder/],
    ["zip: folder as file", makeZip([{ name: "a/b" }, { name: "a" }]), /occurs twice/],
    ["zip: device", makeZip([{ name: "dev", mode: 0o020644 }]), /device/],
    ["zip: pipe", makeZip([{ name: "p", mode: 0o010644 }]), /pipe/],
    ["zip: socket", makeZip([{ name: "s", mode: 0o140644 }]), /socket/],
    ["zip: link out", makeZip([{ name: "l", data: "../x", mode: 0o120777 }]), /"l" is a link to "\.\.\/x"/],
    ["zip: endless link", makeZip([{ name: "l", data: zeros, mode: 0o120777 }]), /target longer/],
    ["zip: encrypted", makeZip([{ name: "a", data: "secret", flags: 0x801 }]), /encrypted/],
    ["zip: unknown method", makeZip([{ name: "a", data: "x", method: 12 }]), /method 12/],
    ["zip: wrong sum", makeZip([{ name: "a", data: "x", declaredSum: 7 }]), /checksum/],
    ["zip: too large, honest", makeZip([{ name: "a", data: zeros }]), /larger than 65536/],
    ["zip: too large, lying", makeZip([{ name: "a", data: zeros, declaredBytes: 10 }]), /"a" is damaged/],
    ["zip: too large together", makeZip(["a", "b"].map((name) => ({ name, data: zeros.subarray(0, 40_000) }))), /"b" makes/],
    ["zip: too many", makeZip(Array.from({ length: 21 }, (_, i) => ({ name: `f${i}` }))), /more than 20 files/],
    ["zip: too many folders", makeZip([{ name: `${"a/".repeat(25)}f` }]), /more than 20 files/],
    ["zip: nothing inside", makeZip([]), /no files/],
    ["zip: cut off", goodZip.subarray(0, goodZip.length - 30), /damaged or cut off/],
    ["zip: data cut out", Buffer.concat([goodZip.subarray(0, 40), goodZip.subarray(60)]), /damaged|cut off/],
    ["path too long", makeZip([{ name: `${"abcdefgh/".repeat(120)}f` }]), /longer than 1024/],
    ["name too long", makeZip([{ name: "n".repeat(256) }]), /longer than 255/],
    ["tar: parent", makeTar([f("../a")]), /"\.\.\/a" contains/],
    ["tar: absolute", makeTar([f("/a")]), /absolute/],
    ["tar: backslash", makeTar([f("a\\b")]), /backslash/],
    ["tar: not UTF-8", makeTar([f(Buffer.from([0x61, 0xff]))]), /not UTF-8/],
    ["tar: zero byte by pax", makeTar([paxHeader({ path: "a\0b" }), f("x")]), /zero byte/],
    ["tar: parent by pax", makeTar([paxHeader({ path: "../../a" }), f("x")]), /contains/],
    ["tar: hard link", makeTar([f("a"), { name: "b", type: "1", target: "a" }]), /"b" is a hard link/],
    ["tar: hard link out", makeTar([{ name: "b", type: "1", target: "/etc/passwd" }]), /hard link/],
    ["tar: character device", makeTar([{ name: "null", type: "3" }]), /device/],
    ["tar: block device", makeTar([{ name: "disk", type: "4" }]), /device/],
    ["tar: pipe", makeTar([{ name: "p", type: "6" }]), /pipe/],
    ["tar: sparse", makeTar([paxHeader({ "GNU.sparse.major": "1" }), f("x")]), /sparse/],
    ["tar: twice", makeTar([f("a"), f("./a")]), /occurs twice/],
    ["tar: link absolute", makeTar([link("l", "/etc")]), /not a relative path/],
    ["tar: link out", makeTar([link("d/l", "../../etc")]), /leaves the archive/],
    ["tar: link out by a link", makeTar([f("a/b/f"), link("s", "a/b"), link("l", "s/../../.."), f("c")]), /leaves/],
    ["tar: link seems inside", makeTar([f("d/f"), link("d/up", ".."), link("l", "d/up/../x")]), /leaves/],
    ["tar: links in a circle", makeTar([link("a", "b"), link("b", "a"), f("c")]), /never ends/],
    ["tar: through a link", makeTar([link("l", "d"), f("d/f"), f("l/g")]), /"l\/g" would be written through the link "l"/],
    ["tar: link over a folder", makeTar([f("l/g"), link("l", "/tmp")]), /occurs twice/],
    ["tar: too large, honest", makeTar([f("a", { data: zeros })]), /larger than/],
    ["tar: too large, empty-handed", makeTar([f("a", { declaredBytes: 8_000_000_000 })]), /larger than/],
    ["tar: too many", makeTar(Array.from({ length: 21 }, (_, i) => f(`f${i}`))), /more than 20/],
    [
      "tar: many headers",
      gzipSync(makeTar(Array.from({ length: 300 }, () => ({ name: "x", type: "g", data: Buffer.alloc(4096, "1") })))),
      /unpacks to more|damaged|no files/,
    ],
    ["tar: cut off", good.subarray(0, 700), /damaged or cut off/],
    ["tar: without its end", good.subarray(0, good.length - 1024), /damaged or cut off/],
    ["tar: wrong sum", Buffer.concat([Buffer.from("b"), good.subarray(1)]), /checksum/],
    ["gzip: bomb", gzipSync(makeTar([f("a", { data: Buffer.alloc(50 * 1024 * 1024) })])), /larger than/],
    ["gzip: bomb behind the end", gzipSync(Buffer.concat([good, Buffer.alloc(50 * 1024 * 1024)])), /unpacks to more/],
    ["gzip: cut off", gzipSync(good).subarray(0, 60), /damaged or cut off/],
    ["gzip: of something else", gzipSync(Buffer.alloc(3000, "hello")), /damaged/],
    ["gzip: damaged", Buffer.concat([gzipSync(good).subarray(0, 40), Buffer.alloc(40, 7)]), /damaged/],
    ["bzip2", Buffer.from("BZh91AY&SY"), /bzip2; send a zip/],
    ["xz", Buffer.from("fd377a585a000000", "hex"), /xz; send/],
    ["a zip by name only", Buffer.from("hello"), /ends in \.zip but it is not one/, "code.zip"],
    ["a tar by name only", Buffer.alloc(2048, "x"), /damaged/, "code.tar"],
    ["nothing", Buffer.alloc(0), /is empty/],
    ["text without a name", Buffer.from("exports.x = 1"), /give its file name/],
    ["a file name with a folder", Buffer.from("x"), /plain name/, "a/b.js"],
    ["a file name that leaves", Buffer.from("x"), /plain name/, ".."],
  ];
  for (const [name, bytes, expected, fileName] of cases) {
    test(name, async () => {
      const namesBefore = await readdir(join(folder, "code"));
      await assert.rejects(store.add({ bytes, fileName: fileName ?? null }), (error: unknown) => {
        assert.ok(error instanceof PlatformError && error.code === "invalid", String(error));
        assert.match(error.message, expected);
        return true;
      });
      assert.deepEqual(await readdir(join(folder, "code")), namesBefore);
    });
  }

  test("more bytes than may be uploaded", async () => {
    const bytes = Buffer.alloc(small.bytesMax + 1);
    await assert.rejects(store.add({ bytes, fileName: "a.js" }), { code: "too_large" });
  });

  test("a bomb costs little memory and time", async () => {
    const madeAt = performance.now();
    const bomb = gzipSync(makeTar([f("a", { data: Buffer.alloc(200 * 1024 * 1024), declaredBytes: 1024 })]), { level: 1 });
    const packed = makeZip([{ name: "a", data: Buffer.alloc(64 * 1024 * 1024), declaredBytes: 60_000 }]);
    globalThis.gc?.();
    const rssBefore = process.memoryUsage().rss;
    const beganAt = performance.now();
    for (const bytes of [bomb, packed]) await assert.rejects(store.add({ bytes, fileName: null }), { code: "invalid" });
    // On a busy machine it took long to make them, too.
    assert.ok(performance.now() - beganAt < 5000 + 5 * (beganAt - madeAt));
    assert.ok(process.memoryUsage().rss - rssBefore < 64 * 1024 * 1024);
  });
});

test("whatever is accepted stays inside", async () => {
  const outside = join(folder, "outside");
  await mkdir(outside);
  await writeFile(join(outside, "canary"), "alive");
  const part = fc.constantFrom("a", "b", "c", "..", ".", "", "d");
  const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
  const entry: fc.Arbitrary<TarEntry> = fc.oneof(
    path.map((name) => ({ name, data: "x" })),
    path.map((name) => ({ name, type: "5" })),
    fc.tuple(path, path).map(([name, target]) => ({ name, type: "2", target })),
  );
  // Only entries that pass alone, so that most archives get as far as their combination.
  const plausible = entry.filter(({ name, target }) => /^[a-d](\/[a-d])*$/.test(name as string) && !target?.startsWith("/"));
  const inside = await CodeStore.open(join(outside, "code"), world, small);
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.oneof({ weight: 4, arbitrary: fc.array(plausible, { maxLength: 6 }) }, fc.array(entry, { maxLength: 4 })),
      async (entries) => {
        const stored = await inside.add({ bytes: makeTar(entries), fileName: null }).catch((error: unknown) => {
          assert.ok(error instanceof PlatformError && error.code === "invalid", String(error));
          return null;
        });
        if (stored === null) return;
        accepted++;
        const root = await realpath((await inside.get(stored.digest)).folder);
        for (const found of await readdir(root, { recursive: true, withFileTypes: true })) {
          const place = await realpath(join(found.parentPath, found.name)).catch(() => root);
          assert.ok(place === root || place.startsWith(`${root}/`), `${found.name} -> ${place}`);
        }
        assert.deepEqual((await readdir(outside)).toSorted(), ["canary", "code"]);
      },
    ),
    { numRuns: 250 },
  );
  assert.ok(accepted > 25, `only ${accepted} archives were accepted`);
});

describe("what is kept", () => {
  const bytes = makeZip([{ name: "index.js", data: "exports.kept = 1" }]);

  test("the same upload is one digest, also at the same time", async () => {
    const uploads = Array.from({ length: 8 }, () => store.add({ bytes, fileName: "x.zip" }));
    const all = await Promise.all(uploads);
    const again = await store.add({ bytes, fileName: null });
    assert.equal(again.digest, createHash("sha256").update(bytes).digest("hex"));
    for (const stored of all) assert.deepEqual(stored, again);
    assert.deepEqual(again, { digest: again.digest, bytes: 16, files: 1 });
  });

  test("a single file under another name is other code", async () => {
    const source = Buffer.from("x = 1");
    const first = await store.add({ bytes: source, fileName: "a.js" });
    const second = await store.add({ bytes: source, fileName: "b.js" });
    assert.notEqual(first.digest, second.digest);
    assert.deepEqual(await unpacked(source, "b.js"), ["644 b.js = x = 1"]);
  });

  test("two stores on one folder at once", async () => {
    const place = join(folder, "two");
    const stores = [await CodeStore.open(place, world), await CodeStore.open(place, world)];
    const [first, second] = await Promise.all(stores.map((one) => one.add({ bytes, fileName: null })));
    assert.deepEqual(first, second);
    assert.deepEqual(await readdir(place), [first?.digest]);
  });

  test("times of tar entries are kept", async () => {
    const { digest } = await store.add({
      bytes: makeTar([{ name: "m.py", data: "x", modifiedAt: 1_234_567_891 }]),
      fileName: null,
    });
    assert.equal((await stat(join((await store.get(digest)).folder, "m.py"))).mtimeMs, 1_234_567_891_000);
  });

  test("what the tools of the machine pack", { skip: process.platform !== "linux" }, async () => {
    const run = promisify(execFile);
    const source = join(folder, "source");
    await mkdir(join(source, "lib"), { recursive: true });
    await writeFile(join(source, "lib/ä.js"), "x", { mode: 0o644 });
    await run("tar", ["-czf", join(folder, "made.tgz"), "-C", source, "."], { timeout: 10_000 });
    const zipped = "import sys,shutil; shutil.make_archive(sys.argv[1], 'zip', sys.argv[2])";
    await run("python3", ["-c", zipped, join(folder, "made"), source], { timeout: 10_000 });
    for (const name of ["made.tgz", "made.zip"]) {
      assert.deepEqual(await unpacked(await readFile(join(folder, name)), name), ["644 lib/ä.js = x", "lib/"]);
    }
  });

  test("unknown and malformed digests", async () => {
    for (const digest of ["0".repeat(64), "..", "../code", ""]) {
      assert.equal(await store.find(digest), null);
      await assert.rejects(store.get(digest), { code: "not_found" });
    }
  });

  test("acknowledged code survives kill -9, and the rest of an upload is cleared away", async () => {
    const place = join(folder, "killed");
    const parts = new URL("../../..", import.meta.url).href;
    const program = `
      const { CodeStore } = await import("${parts}src/image/code/code-store.ts");
      const { realWorld } = await import("${parts}src/lib/world.ts");
      const { makeTar } = await import("${parts}test/archives.ts");
      const store = await CodeStore.open(${JSON.stringify(place)}, realWorld());
      for (let i = 0; ; i++) {
        const entries = Array.from({ length: 50 }, (_, n) => ({ name: "f" + n, data: i + "." + n }));
        console.log((await store.add({ bytes: makeTar(entries), fileName: null })).digest);
      }`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
      timeout: 20_000,
    });
    let printed = "";
    for await (const piece of child.stdout) {
      printed += piece;
      if (printed.split("\n").length > 12) child.kill("SIGKILL");
    }
    const acknowledged = printed.split("\n").slice(0, -1);
    const reopened = await CodeStore.open(place, world);
    for (const digest of acknowledged) {
      const lines = await treeOf((await reopened.get(digest)).folder);
      assert.equal(lines.length, 50);
      assert.ok(lines.every((line) => / = \d+\.\d+$/.test(line)));
    }
    assert.ok((await readdir(place)).every((name) => /^[0-9a-f]{64}$/.test(name)));
  });
});

test("code comes back as it was sent: a file always, an archive where it was to be kept", async () => {
  const archive = makeZip([{ name: "one.js", data: "exports.main = () => ({});" }]);
  const { digest } = await store.add({ bytes: archive, fileName: null });
  assert.equal(await store.asSent(digest), null);
  const again = { bytes: archive, fileName: null, keep: true };
  for (const stored of await Promise.all([store.add(again), store.add(again)])) assert.equal(stored.digest, digest);
  assert.deepEqual(await store.asSent(digest), { bytes: archive, isArchive: true });
  const file = await store.add({ bytes: Buffer.from("text"), fileName: "index.js" });
  assert.deepEqual(await store.asSent(file.digest), { bytes: Buffer.from("text"), isArchive: false });
  assert.equal(await store.asSent("0".repeat(64)), null);
  assert.deepEqual(await treeOf((await store.get(digest)).folder), ["644 one.js = exports.main = () => ({});"]);
});
