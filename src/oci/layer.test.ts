import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { unpackTar } from "modern-tar";
import { writeArchive } from "./archive.ts";
import { assembleImage, type BuiltImage } from "./assemble.ts";
import { type Layer, writeLayer } from "./layer.ts";
import { writeLayout } from "./layout.ts";

const longName = `${"deep/".repeat(40)}${"n".repeat(120)}.js`;
const platform = { os: "linux", architecture: "amd64" } as const;

describe("images that are written", () => {
  let home: string;
  before(() => {
    home = mkdtempSync(join(tmpdir(), "kiln-layer-"));
  });
  after(() => rmSync(home, { recursive: true, force: true }));

  /** The same files, written in another order at another time. */
  function sources(name: string, order: readonly string[], time: number): string {
    const folder = join(home, name);
    for (const path of order) {
      mkdirSync(join(folder, path, ".."), { recursive: true });
      writeFileSync(join(folder, path), `content of ${path}`);
      chmodSync(join(folder, path), path.endsWith(".sh") ? 0o4777 : 0o600);
      utimesSync(join(folder, path), time, time);
    }
    symlinkSync("a.js", join(folder, "link"));
    mkdirSync(join(folder, "tmp"));
    mkdirSync(join(folder, "left/out"), { recursive: true });
    return folder;
  }

  const files = ["a.js", "b/run.sh", "b/a.js", longName];
  const layerOf = (folder: string, file: string): Promise<Layer> =>
    writeLayer(
      [
        { folder, at: "", without: ["left"] },
        { folder: join(folder, "b"), at: "x/y" },
      ],
      join(home, file),
    );

  test("a layer depends on names, content and the right to be run alone", async () => {
    const first = await layerOf(sources("one", files, 1_000_000), "1.tar.gz");
    const second = await layerOf(sources("two", files.toReversed(), 2_000_000), "2.tar.gz");
    assert.deepEqual([first.descriptor, first.diffId], [second.descriptor, second.diffId]);
    const packed = readFileSync(first.file);
    assert.equal(first.descriptor.digest, `sha256:${createHash("sha256").update(packed).digest("hex")}`);
    assert.equal(first.diffId, `sha256:${createHash("sha256").update(gunzipSync(packed)).digest("hex")}`);
    assert.equal(first.descriptor.size, packed.length);
    const entries = (await unpackTar(gunzipSync(packed))).map(({ header }) => header);
    assert.deepEqual(
      entries
        .filter(({ type }) => type !== "directory")
        .map(({ name, mode, type, linkname = "" }) => [name, mode, type, linkname]),
      [
        ["a.js", 0o644, "file", ""],
        ["b/a.js", 0o644, "file", ""],
        ["b/run.sh", 0o755, "file", ""],
        [longName, 0o644, "file", ""],
        ["link", 0o777, "symlink", "a.js"],
        ["x/y/a.js", 0o644, "file", ""],
        ["x/y/run.sh", 0o755, "file", ""],
      ],
    );
    assert.deepEqual(entries.find(({ name }) => name.startsWith("tmp"))?.mode, 0o1777);
    assert.ok(
      entries.every(({ uid, gid, mtime, name }) => uid === 0 && gid === 0 && mtime?.getTime() === 0 && !name.startsWith("left")),
    );
  });

  test("a layer that cannot be written leaves nothing", async () => {
    const folder = sources("three", ["a.js"], 1);
    await assert.rejects(writeLayer([{ folder, at: "" }], join(home, "no/such/folder.tar.gz")), { code: "ENOENT" });
    await assert.rejects(writeLayer([{ folder: join(home, "nothing"), at: "" }], join(home, "never.tar.gz")), { code: "ENOENT" });
    assert.ok(!existsSync(join(home, "never.tar.gz")) && !existsSync(join(home, "never.tar.gz.new")));
  });

  test("a layout keeps other images, and a name is one image's", async () => {
    const layer = { ...(await layerOf(sources("four", files, 3), "4.tar.gz")), createdBy: "a test" };
    const image = (label: string): BuiltImage => assembleImage([layer], { Labels: { label } }, platform);
    assert.equal(image("a").manifest.digest, image("a").manifest.digest);
    const folder = join(home, "layout");
    await writeLayout(folder, image("a"), "one");
    await writeLayout(folder, image("b"), "two");
    await writeLayout(folder, image("c"), "one");
    const index = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as {
      manifests: { digest: string; annotations: object }[];
    };
    assert.deepEqual(
      index.manifests.map(({ digest, annotations }) => [digest, Object.values(annotations)[0]]),
      [
        [image("b").manifest.digest, "two"],
        [image("c").manifest.digest, "one"],
      ],
    );
    for (const hex of readdirSync(join(folder, "blobs/sha256")))
      assert.equal(
        createHash("sha256")
          .update(readFileSync(join(folder, "blobs/sha256", hex)))
          .digest("hex"),
        hex,
      );
  });

  test("an archive has the layout, and the list that docker load reads", async () => {
    const layer = { ...(await layerOf(sources("five", files, 3), "5.tar.gz")), createdBy: "a test" };
    const image = assembleImage([layer], {}, platform);
    const file = join(home, "image.tar");
    await writeArchive(file, image, "me/hello:1.0.0", "1.0.0");
    const entries = new Map(
      (await unpackTar(readFileSync(file))).map(({ header, data }) => [header.name, Buffer.from(data ?? [])]),
    );
    const [listed] = JSON.parse(String(entries.get("manifest.json"))) as {
      Config: string;
      RepoTags: string[];
      Layers: string[];
    }[];
    assert.deepEqual(listed?.RepoTags, ["me/hello:1.0.0"]);
    for (const path of [listed.Config, ...listed.Layers]) assert.ok(entries.has(path), path);
    assert.ok(entries.has("oci-layout") && entries.has("index.json"));
  });
});
