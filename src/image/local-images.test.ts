import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { makeZip, type ZipEntry } from "../../test/archives.ts";
import { realWorld } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { ProtocolName, Source } from "../model/model.ts";
import type { Images, Prepared } from "./image.ts";
import { openImages } from "./local-images.ts";

/** On the host's files: what is decided is the same as in a root, and nothing has to be built. */
let images: Images;
let folder = "";

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "kiln-images-"));
  const options = { world: realWorld(), say: () => undefined, files: { path: "/usr/bin" } };
  images = await openImages({ ...options, dataFolder: folder, cacheFolder: join(folder, "cache") });
});
after(() => rm(folder, { recursive: true, force: true }));

type Names = Readonly<Record<string, string | Buffer>>;

/** A zip of some files; a name that ends in `*` is executable. */
function zipOf(files: Names): Buffer {
  const entries = Object.entries(files).map(([name, data]): ZipEntry => {
    return name.endsWith("*") ? { name: name.slice(0, -1), data, mode: 0o100755 } : { name, data };
  });
  return makeZip(entries);
}

async function prepare(kind: string, files: Names, more: Partial<Source & { type: "code" }> = {}): Promise<Prepared> {
  const { digest } = await images.addCode({ bytes: zipOf(files), fileName: null });
  return images.prepare({ type: "code", kind, digest, handler: null, command: null, ...more });
}

/** The command with the host's folders written as the sandbox would see them. */
function shown(prepared: Prepared, command: readonly string[]): string {
  const words = command.map((word) =>
    word.replace(prepared.code ?? "?", "/function").replace(prepared.runtime ?? "?", "/runtime"),
  );
  return words.join(" ").replace(/^\S*\/node /, "node ");
}

describe("programs that are found", () => {
  const fdk = { "fdk/scripts/fdk.py": "" };
  const fdkStart = "python3 -c import sys; from fdk.scripts.fdk import main; sys.exit(main())";
  const cases: readonly (readonly [string, ProtocolName, Names, string])[] = [
    ["nodejs", "http-stream", { "func.js": "", "other.js": "" }, "node /function/func.js"],
    ["nodejs", "http-port", { "server.mjs": "", "lib.js": "", "x.js": "" }, "node /function/server.mjs"],
    ["nodejs", "http-port", { "only.js": "" }, "node /function/only.js"],
    [
      "nodejs",
      "http-port",
      { "index.js": "", "package.json": '{"main":"lib/start"}', "lib/start.js": "" },
      "node /function/lib/start.js",
    ],
    ["nodejs", "stdio", { "package.json": '{"main":"./lib"}', "lib/index.js": "" }, "node /function/lib/index.js"],
    ["nodejs", "stdio", { "package.json": "broken", "index.js": "" }, "node /function/index.js"],
    ["python", "http-stream", { "func.py": "", ...fdk }, `${fdkStart} /function/func.py handler`],
    ["python", "http-stream", { "func.py": "", "python/fdk/scripts/fdk.py": "" }, `${fdkStart} /function/func.py handler`],
    ["python", "http-port", { "app.py": "", "func.py": "" }, "python3 /function/app.py"],
    ["python", "stdio", { "report.py": "" }, "python3 /function/report.py"],
    ["native", "stdio", { "exec*": "#!/bin/sh\n", "other*": "#!/bin/sh\n" }, "/function/exec"],
    ["native", "stdio", { "bin/tool*": "#!/bin/sh\n", "notes.txt": "" }, "/function/bin/tool"],
  ];
  for (const [kind, protocol, files, expected] of cases) {
    test(`${kind} ${protocol}: ${Object.keys(files).join(" ")}`, async () => {
      const prepared = await prepare(kind, files);
      assert.equal(shown(prepared, prepared.command(protocol)), expected);
    });
  }

  test("the function's own handler and command", async () => {
    const handled = await prepare("python", { "a.py": "", "b.py": "", ...fdk }, { handler: "b.run" });
    assert.equal(shown(handled, handled.command("http-stream")), `${fdkStart} /function/b.py run`);
    const commanded = await prepare("nodejs", { "a.js": "" }, { command: ["node", "--no-warnings", "a.js"] });
    assert.deepEqual(commanded.command("stdio"), ["node", "--no-warnings", "a.js"]);
    const local = await prepare("nodejs", { "go.sh*": "#!/bin/sh\n" }, { command: ["./go.sh", "-v"] });
    assert.equal(shown(local, local.command("stdio")), "/function/go.sh -v");
  });

  test("shims, environment and folders", async () => {
    const node = await prepare("nodejs", { "index.js": "" });
    assert.equal(shown(node, node.shimCommand ?? []), "node /runtime/main.cjs");
    assert.match(node.runtime ?? "", /\/runtimes\/nodejs$/);
    assert.equal(node.root, null);
    assert.equal(node.path, "/usr/bin");
    const python = await prepare("python:3", { "func.py": "", "vendor/x/__init__.py": "" });
    assert.equal(shown(python, python.shimCommand ?? []), "python3 /runtime/main.py");
    assert.equal(python.env.PYTHONPATH, `${python.code}:${python.code}/vendor`);
    const native = await prepare("native", { "main*": "#!/bin/sh\n" });
    assert.deepEqual([native.shimCommand, native.runtime], [null, null]);
  });

  test("a program for go:1 has to be static", async () => {
    const dynamic = await readFile("/bin/ls");
    await assert.rejects(prepare("go", { "main*": dynamic }), /"main" cannot run as go:1: it needs shared libraries/);
    assert.equal(shown(await prepare("native", { "main*": dynamic }), ["x"]), "x");
    const still = Buffer.from(dynamic);
    // The segment that names the loader becomes one that says nothing.
    const start = Number(still.readBigUInt64LE(32));
    for (let at = start; at < start + 56 * still.readUInt16LE(56); at += 56)
      if (still.readUInt32LE(at) === 3) still.writeUInt32LE(4, at);
    const prepared = await prepare("go", { "main*": still });
    assert.equal(shown(prepared, prepared.command("stdio")), "/function/main");
  });
});

describe("programs that are not found", () => {
  const arm = Buffer.alloc(64);
  Buffer.from("7f454c460201", "hex").copy(arm);
  arm.writeUInt16LE(183, 18);
  const cases: readonly (readonly [string, ProtocolName, Names, RegExp])[] = [
    [
      "nodejs",
      "stdio",
      { "a.js": "", "b.js": "" },
      /nothing that nodejs:24 could run: looked for main in package\.json, func\.js.*top folder has a\.js, b\.js\. Add/,
    ],
    [
      "nodejs",
      "stdio",
      { "package.json": '{"main":"dist/x.js"}', "index.js": "" },
      /package\.json names "dist\/x\.js" as main, and there is no such file/,
    ],
    ["nodejs", "stdio", { "package.json": '{"main":"../../../../bin/sh"}' }, /names .* as main/],
    ["python", "http-stream", { "func.py": "" }, /pip install --target \. fdk/],
    [
      "python",
      "http-port",
      { "a.py": "", "b.py": "" },
      /looked for app\.py, main\.py, server\.py, func\.py or a single \.py file/,
    ],
    [
      "native",
      "stdio",
      { "a.txt": "" },
      /looked for bootstrap, main, exec, func or a single executable file; its top folder has a\.txt/,
    ],
    ["native", "stdio", { "a*": "#!/bin/sh\n", "b*": "#!/bin/sh\n" }, /there are 2, such as a, b/],
    ["native", "stdio", { main: "#!/bin/sh\n" }, /"main" is not executable: run `chmod 755 main`/],
    ["native", "stdio", { "main*": "echo hi" }, /neither a program for Linux nor a script/],
    ["native", "stdio", { "main*": arm }, /built for arm64, and this machine is/],
    ["go", "stdio", { "main*": "#!/bin/sh\n" }, /use native:1/],
  ];
  for (const [kind, protocol, files, expected] of cases) {
    test(`${kind} ${protocol}: ${Object.keys(files).join(" ")}`, async () => {
      const command = prepare(kind, files).then((prepared) => prepared.command(protocol));
      await assert.rejects(command, (error: unknown) => {
        assert.ok(error instanceof PlatformError && error.code === "invalid", String(error));
        assert.match(error.message, expected);
        assert.ok(!error.message.includes(folder), "no host path in a message that callers see");
        return true;
      });
    });
  }
});

/** The command that an executable gets; its archive holds `bin/run` and `data`. */
async function check(kind: string, command: readonly string[]): Promise<string> {
  const { digest } = await images.addCode({ bytes: zipOf({ "bin/run*": "#!/bin/sh\n", data: "" }), fileName: null });
  const prepared = await images.prepare({ type: "executable", kind, digest, command });
  return shown(prepared, prepared.command("stdio"));
}

describe("executables with a command", () => {
  test("paths in the archive and programs of the root", async () => {
    assert.equal(await check("native:1", ["bin/run", "a"]), "/function/bin/run a");
    assert.equal(await check("native:1", ["/function/bin/run"]), "/function/bin/run");
    assert.equal(await check("native:1", ["sh", "-c", "date"]), "sh -c date");
    assert.equal(await check("native:1", ["/bin/sh"]), "/bin/sh");
    assert.equal(await check("native:1", []), "/function/bin/run");
  });

  test("what is not there", async () => {
    await assert.rejects(check("native:1", ["bin/none"]), /"bin\/none", which is not a file in the code/);
    await assert.rejects(check("native:1", ["data"]), /not executable/);
    await assert.rejects(check("native:1", ["../run"]), /not a file in the code/);
    await assert.rejects(check("go:1", ["sh"]), /not a file in the code/);
  });
});

test("one preparation for simultaneous and later calls; none is remembered that failed", async () => {
  const bytes = zipOf({ "index.js": "// once" });
  const source: Source = { type: "code", kind: "nodejs:24", digest: "0".repeat(64), handler: null, command: null };
  await assert.rejects(images.prepare(source), { code: "not_found" });
  const { digest } = await images.addCode({ bytes, fileName: null });
  assert.equal((await images.findCode(digest))?.digest, digest);
  assert.equal(await images.findCode(source.digest), null);
  const all = await Promise.all([1, 2, 3].map(() => images.prepare({ ...source, digest })));
  assert.ok(all.every((prepared) => prepared === all[0]));
});

test("container images and unknown kinds", async () => {
  await assert.rejects(images.prepare({ type: "image", image: "busybox" }), (error: unknown) => {
    assert.ok(error instanceof PlatformError && error.code === "unsupported");
    assert.match(error.message, /^Container images are not run on the machine's own files/);
    return true;
  });
  await assert.rejects(prepare("cobol:1", { a: "" }), { code: "invalid" });
});

test("an uploaded program without an archive", async () => {
  const { digest } = await images.addCode({ bytes: await readFile("/bin/true"), fileName: "hello" });
  const prepared = await images.prepare({ type: "executable", kind: "native:1", digest, command: [] });
  assert.equal(shown(prepared, prepared.command("stdio")), "/function/hello");
});
