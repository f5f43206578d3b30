/** What others make of images that we push, and we of images that others push: skopeo and umoci. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { PulledImages } from "../../src/image/pulled/pulled-images.ts";
import { realWorld } from "../../src/lib/world.ts";
import { makeTar, type TarEntry } from "../archives.ts";
import { type ImageRegistry, noImageRegistry, startImageRegistry } from "../image-registry.ts";
import { makeImage, pushImage, shownTree, testRegistry } from "../images.ts";

const run = promisify(execFile);
const missing = ["skopeo", "umoci"].filter(
  (name) => !`${process.env["PATH"]}:/usr/bin`.split(":").some((folder) => existsSync(join(folder, name))),
);
const skip =
  noImageRegistry ?? (missing.length > 0 ? `${missing.join(", ")} missing: apt-get install ${missing.join(" ")}` : false);
const timeout = 120_000;

let server: ImageRegistry;
let folder: string;
let images: PulledImages;

before(async () => {
  if (skip) return;
  folder = mkdtempSync(join(tmpdir(), "judges-"));
  server = await startImageRegistry();
  const settings = { registry: testRegistry, defaultRegistry: server.host, pullTimeoutMs: timeout, cacheBytesMax: 1024 ** 3 };
  images = await PulledImages.open(join(folder, "images"), settings, { world: realWorld(), say: () => {} });
});

after(async () => {
  await server?.stop();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const folderOf = (name: string): TarEntry => ({ name: `${name}/`, type: "5", mode: 0o755 });
const program = { name: "bin/program", mode: 0o755, data: "#!/bin/sh\n" };

const below: TarEntry[] = [
  ...["bin", "etc", "usr", "usr/lib", "kept", "emptied", "emptied/deep", "gone"].map(folderOf),
  program,
  { name: "lib", type: "2", target: "usr/lib" },
  { name: "etc/changed", data: "old" },
  { name: "etc/same", data: "same" },
  { name: "kept/gone", data: "1" },
  { name: "kept/stays", data: "2" },
  { name: "emptied/deep/file", data: "3" },
  { name: "gone/file", data: "4" },
  { name: "usr/lib/one", data: "5" },
  { name: "usr/lib/two", type: "1", target: "usr/lib/one" },
  { name: "absolute", type: "2", target: "/etc/same" },
];

const above: TarEntry[] = [
  ...["etc", "kept", "emptied", "new"].map(folderOf),
  { name: "etc/changed", data: "new" },
  { name: "kept/.wh.gone" },
  { name: ".wh.gone" },
  { name: "emptied/.wh..wh..opq" },
  { name: "emptied/fresh", data: "6" },
  { name: "new/ä long name with spaces", data: "7" },
];

/** Without what we add for sandboxes. */
const shown = (root: string): string[] => shownTree(root, ["proc", "sys", "dev", "tmp", "run", "etc/hosts", "etc/resolv.conf"]);

const insecure = ["--insecure-policy", "copy", "--src-tls-verify=false", "--dest-tls-verify=false"];
const options = { timeout, env: { PATH: `${process.env["PATH"]}:/usr/bin`, HOME: tmpdir() } };

for (const compression of ["gzip", "zstd", "none"] as const) {
  test(`an image that we push is for others what it is for us: ${compression}`, { skip, timeout }, async () => {
    const image = makeImage([makeTar(below), makeTar(above)], { Cmd: ["program"] }, { compression });
    await pushImage(`${server.host}/judged:${compression}`, image);
    const ours = (await images.prepare(`judged:${compression}`, null)).root as string;
    // Their programs are older than zstd in images.
    if (compression === "zstd") return assert.ok(shown(ours).includes("etc/changed: new"));
    const layout = join(folder, `layout-${compression}`);
    await run("skopeo", [...insecure, `docker://${server.host}/judged:${compression}`, `oci:${layout}:it`], options);
    await run("umoci", ["unpack", "--rootless", "--image", `${layout}:it`, join(folder, `bundle-${compression}`)], options);
    assert.deepEqual(shown(ours), shown(join(folder, `bundle-${compression}`, "rootfs")));
  });
}

test("an image that another program pushes, in Docker's formats, is the same for us", { skip, timeout }, async () => {
  await pushImage(`${server.host}/judged:ours`, makeImage([makeTar(below), makeTar(above)], { Cmd: ["program"] }));
  const [from, to] = [`docker://${server.host}/judged:ours`, `docker://${server.host}/theirs:it`];
  await run("skopeo", [...insecure, "--format", "v2s2", from, to], options);
  const [ours, theirs] = [await images.prepare("judged:ours", null), await images.prepare("theirs:it", null)];
  assert.notEqual(ours.root, theirs.root);
  assert.deepEqual(shown(theirs.root as string), shown(ours.root as string));
  assert.deepEqual(theirs.command("http-stream"), ["/bin/program"]);
});
