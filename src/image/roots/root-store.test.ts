/** Builds real roots from real packages and runs programs in them: some 20 s, and the network for the first part. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, unlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { makeZip } from "../../../test/archives.ts";
import { realWorld } from "../../lib/world.ts";
import { buildRoots, openImages } from "../local-images.ts";
import { emptyRoot, rootKey } from "./recipes.ts";
import { RootStore } from "./root-store.ts";

const run = promisify(execFile);
const world = realWorld();
const skip = process.platform !== "linux" || process.arch !== "x64";
let folder = "";
let cacheFolder = "";

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "kiln-roots-"));
  cacheFolder = join(folder, "cache");
});
after(() => rm(folder, { recursive: true, force: true }));

/** Runs a program in a root as a sandbox would, as uid 1000 and without a network. */
async function inside(root: string, command: readonly string[], code: string | null = null): Promise<string> {
  const mounts = ["--ro-bind", root, "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"];
  const bind = code === null ? [] : ["--ro-bind", code, "/function"];
  const rest = [
    "--unshare-all",
    "--uid",
    "1000",
    "--gid",
    "1000",
    "--die-with-parent",
    "--clearenv",
    "--setenv",
    "PATH",
    "/usr/bin:/bin",
  ];
  const { stdout } = await run("bwrap", [...mounts, ...bind, ...rest, ...command], { timeout: 20_000 });
  return stdout.trim();
}

async function rootOf(name: string): Promise<string> {
  const roots = await readdir(join(cacheFolder, "roots"));
  return join(cacheFolder, "roots", roots.find((root) => root.startsWith(name)) as string, "tree");
}

describe("real roots", { skip }, () => {
  before(async () => {
    const said: string[] = [];
    const kinds = ["nodejs:24", "python:3.11", "go:1", "native:1"];
    const reports = await buildRoots(kinds, { cacheFolder, world, say: (message) => said.push(message) });
    assert.deepEqual(
      reports.map((report) => report.kind),
      kinds,
    );
    assert.ok(reports.every((report) => report.builtMs > 0 && report.builtMs < 60_000 && report.bytes > 0));
    assert.ok(said.some((message) => /^Built nodejs-24\S+: \d+ MB in [\d.]+ s$/.test(message)));
  });

  test("Node", async () => {
    const root = await rootOf("nodejs-24");
    assert.match(await inside(root, ["/bin/node", "--version"]), /^v24\./);
    const script = "console.log(require('child_process').execSync('whoami').toString() + process.getuid())";
    assert.equal(await inside(root, ["node", "-e", script]), "function\n1000");
    assert.equal(
      await inside(root, ["sh", "-c", "whoami && printf 'a b' | awk '{print $2}' && which sed"]),
      "function\nb\n/usr/bin/sed",
    );
    assert.equal((await stat(join(root, "usr/bin/dash"))).ino, (await stat(join(await rootOf("python"), "usr/bin/dash"))).ino);
  });

  test("Node 22, fetched at first use, once", async () => {
    const said: string[] = [];
    await buildRoots(["nodejs:22", "nodejs:22"], { cacheFolder, world, say: (message) => said.push(message) });
    assert.equal(said.filter((message) => message.startsWith("Fetching Node 22.")).length, 1);
    assert.match(await inside(await rootOf("nodejs-22"), ["/bin/node", "--version"]), /^v22\./);
    assert.equal((await readdir(join(cacheFolder, "node"))).length, 1);
  });

  test("Python", async () => {
    const root = await rootOf("python");
    const script =
      "import ssl,sqlite3,json,asyncio,ctypes,lzma,bz2,zoneinfo,uuid; print(json.dumps(sqlite3.sqlite_version_info[0]))";
    assert.equal(await inside(root, ["python3.11", "-c", script]), "3");
    assert.equal(
      await inside(root, ["python3", "-c", "import json; print(json.__cached__)"]),
      "/usr/lib/python3.11/json/__pycache__/__init__.cpython-311.pyc",
    );
    const certificates = "import ssl; print(len(ssl.create_default_context().get_ca_certs()) > 10)";
    if (await stat("/etc/ssl/certs/ca-certificates.crt").catch(() => null)) {
      assert.equal(await inside(root, ["python", "-c", certificates]), "True");
    }
  });

  test("mount points, users and no way to become another", async () => {
    for (const name of ["nodejs-24", "python", "empty", "base"]) {
      const root = await rootOf(name);
      for (const path of ["proc", "dev", "tmp", "run/kiln", "run/kiln-init", "function", "runtime"]) {
        assert.ok((await stat(join(root, path))).isDirectory(), `${name}: ${path}`);
      }
      assert.match(await readFile(join(root, "etc/passwd"), "utf8"), /^function:x:1000:1000:/m);
      assert.equal(await readFile(join(root, "etc/resolv.conf"), "utf8"), "");
      const { stdout } = await run("find", [root, "-perm", "/6000"], { timeout: 20_000 });
      assert.equal(stdout, "");
    }
  });

  test("nothing is built twice, nothing temporary stays", async () => {
    const said: string[] = [];
    const beganAt = performance.now();
    const reports = await buildRoots(["nodejs", "python", "go", "native"], {
      cacheFolder,
      world,
      say: (message) => said.push(message),
    });
    assert.deepEqual(said, []);
    assert.ok(performance.now() - beganAt < 10_000);
    assert.ok(reports.every((report) => report.builtMs === 0));
    assert.equal((await readdir(join(cacheFolder, "roots"))).length, 5);
  });

  test("a whole way: an archive, a kind, a program that runs", async () => {
    const images = await openImages({
      dataFolder: join(folder, "data"),
      cacheFolder,
      world,
      say: () => undefined,
      files: "roots",
    });
    const files = { "func.py": "import helper; print(helper.word)", "helper.py": "word = 'from ' + __file__" };
    const bytes = makeZip(Object.entries(files).map(([name, data]) => ({ name, data })));
    const { digest } = await images.addCode({ bytes, fileName: "func.zip" });
    const prepared = await images.prepare({ type: "code", kind: "python:3", digest, handler: null, command: null });
    const command = prepared.command("stdio");
    assert.deepEqual(command, ["/usr/bin/python3.11", "/function/func.py"]);
    assert.deepEqual(prepared.shimCommand, ["/usr/bin/python3.11", "/runtime/main.py"]);
    assert.equal(await inside(prepared.root as string, command, prepared.code), "from /function/helper.py");
  });
});

const get = () => new RootStore(cacheFolder, world, () => undefined).get(emptyRoot);
const place = () => join(cacheFolder, "roots", rootKey(emptyRoot));

describe("roots that need no packages", () => {
  test("a root that lost a file is made again", async () => {
    const built = await get();
    assert.equal((await get()).builtMs, 0);
    await unlink(join(built.folder, "etc/hosts"));
    const again = await get();
    assert.ok(again.builtMs > 0);
    assert.match(await readFile(join(again.folder, "etc/hosts"), "utf8"), /localhost/);
    await writeFile(join(built.folder, "etc/passwd"), "");
    assert.ok((await get()).builtMs > 0);
    await rm(join(place(), "root.json"));
    assert.ok((await get()).builtMs > 0);
  });

  test("builders at once end with one root", async () => {
    await rm(place(), { recursive: true });
    const roots = await Promise.all([get(), get(), get()]);
    assert.equal(new Set(roots.map((root) => root.folder)).size, 1);
    assert.ok((await readdir(join(cacheFolder, "roots"))).every((name) => !name.startsWith(".")));
  });

  test("what a killed builder left goes after an hour, what one is building stays", async () => {
    const [old, young] = [".new-old", ".new-young"].map((name) => join(cacheFolder, "roots", name)) as [string, string];
    for (const name of [old, young]) await mkdir(name, { recursive: true });
    await utimes(old, 1, 1);
    await rm(place(), { recursive: true });
    await get();
    assert.equal(await stat(old).catch(() => null), null);
    assert.ok(await stat(young));
    await rm(young, { recursive: true });
  });

  test("another recipe is another root", () => {
    assert.notEqual(rootKey(emptyRoot), rootKey({ ...emptyRoot, links: { a: "b" } }));
  });

  test("open to others whatever the umask of the builder", async () => {
    const umask = process.umask(0o077);
    try {
      await rm(place(), { recursive: true });
      const { folder: root } = await get();
      for (const path of ["", "etc", "run/kiln", "etc/passwd"])
        assert.equal((await stat(join(root, path))).mode & 0o444, 0o444, path);
    } finally {
      process.umask(umask);
    }
  });
});

test("a missing program is named with the way on", { skip }, async () => {
  const bin = join(folder, "bin");
  await mkdir(bin);
  const program = `
    const { buildRoots } = await import(${JSON.stringify(new URL("../local-images.ts", import.meta.url).href)});
    const { realWorld } = await import(${JSON.stringify(new URL("../../lib/world.ts", import.meta.url).href)});
    const options = { cacheFolder: ${JSON.stringify(join(folder, "elsewhere"))}, world: realWorld(), say: () => undefined };
    await buildRoots(["native:1"], options).catch((error) => console.log(error.code, error.message));`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", program], { env: { PATH: bin }, timeout: 20_000 });
  assert.match(
    stdout,
    /^internal The program apt-get is not installed: root file systems are made from Debian packages: use Debian 12/,
  );
  assert.deepEqual(await readdir(join(folder, "elsewhere", "roots")), []);
});
