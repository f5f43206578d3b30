/** Packages that code names and does not bring are installed at the deploy, in a sandbox, from a registry of our own on this machine. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { makeTar } from "../archives.ts";
import { call, put } from "../client.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { pk } from "../product/pk.ts";
import { type Registry, startRegistry } from "../registry.ts";
import { cannotCount } from "./footprint.ts";
import { makeNamespace } from "./neighbours.ts";

const index = (text: string) => ({ "index.js": text });
const exportsOf = (value: unknown) => index(`module.exports = ${JSON.stringify(value)};`);

/** Together they are larger than what fits. */
const parts = ["part-1", "part-2", "part-3", "part-4", "part-5"];
const block = randomBytes(4096);

describe("packages that are installed at the deploy", { skip: cannotCount, timeout: 600_000 }, () => {
  let registry: Registry;
  let platform: Platform;
  let data = "";
  const flags = () => ["--npm-registry", registry.url, "--install-memory-mib", "512", "--start-timeout-ms", "60000"];

  before(async () => {
    registry = await startRegistry([
      { name: "leaf", version: "1.0.0", files: exportsOf("leaf 1.0.0") },
      { name: "leaf", version: "1.1.0", files: exportsOf("leaf 1.1.0") },
      {
        name: "branch",
        version: "2.0.0",
        files: { ...index('exports.leaf = require("leaf");'), "tool.js": "#!/usr/bin/env node\n" },
        manifest: { dependencies: { leaf: "^1.0.0" }, bin: { tool: "tool.js" } },
      },
      { name: "picky", version: "1.0.0", files: exportsOf(1), manifest: { peerDependencies: { leaf: "^9.0.0" } } },
      { name: "abroad", version: "1.0.0", files: exportsOf(1), tarball: "http://files.example.net/abroad-1.0.0.tgz" },
      { name: "big", version: "1.0.0", manifest: { dependencies: Object.fromEntries(parts.map((name) => [name, "1.0.0"])) } },
      ...parts.map((name) => ({ name, version: "1.0.0", files: { "part.bin": Buffer.alloc(60 * 1024 * 1024, block) } })),
      {
        name: "scripted",
        version: "1.0.0",
        files: exportsOf(1),
      },
      {
        name: "escaping",
        version: "1.0.0",
        files: exportsOf(1),
        manifest: { scripts: { install: "ln -s /etc/passwd passwd" } },
      },
    ]);
    data = mkdtempSync(join(tmpdir(), "kiln-dependencies-"));
    await makeNamespace(data, "other");
    platform = await startPlatform({ data, flags: flags() });
    await put(`${platform.url}/kiln/v1/namespaces/guest/apps/tests`, {});
  });
  after(async () => {
    await platform?.stop();
    await registry?.close();
    rmSync(data, { recursive: true, force: true });
  });

  interface Code {
    readonly dependencies?: Readonly<Record<string, string>>;
    readonly handler?: string;
    readonly files?: Readonly<Record<string, string>>;
    readonly manifest?: Readonly<Record<string, unknown>>;
  }

  function archiveOf({ dependencies = {}, handler = "() => 1", files = {}, manifest = {} }: Code): Buffer {
    const all = {
      "package.json": JSON.stringify({ name: "code", version: "1.0.0", dependencies, ...manifest }),
      "index.js": `module.exports = ${handler};`,
      ...files,
    };
    return makeTar(Object.entries(all).map(([name, text]) => ({ name, data: text })));
  }

  const deploy = (name: string, code: Code, settings: Record<string, unknown> = {}, namespace = "guest") =>
    platform.deploy({ name, namespace, archive: archiveOf(code), settings: { timeoutMs: 60_000, ...settings } });

  async function check(name: string, code: Code, expected: unknown, settings: Record<string, unknown> = {}) {
    const fn = await deploy(name, code, settings);
    const answer = await call(fn.invokeUrl, {});
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.json, expected);
    return fn;
  }

  /** A deploy that fails, as the API answers it. */
  async function refused(name: string, code: Code, reason: string, message: RegExp, settings: Record<string, unknown> = {}) {
    const url = `${platform.url}/kiln/v1/namespaces/guest/apps/tests/functions/${name}`;
    const body = { kind: "nodejs:24", code: archiveOf(code).toString("base64"), ...settings };
    const answer = await fetch(url, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(120_000),
    });
    const said = (await answer.json()) as { code: string; message: string; details: { reason: string; output: string } };
    assert.equal(answer.status, 422, JSON.stringify(said));
    assert.deepEqual([said.code, said.details.reason], ["build_failed", reason], JSON.stringify(said));
    assert.match(said.message, message);
    assert.equal((await fetch(url)).status, 404, "no function was made");
    return said;
  }

  const leafHandler = '() => ({ leaf: require("leaf") })';
  const archivesAsked = () => registry.asked.filter((path) => path.endsWith(".tgz")).length;
  const unfinished = () => readdirSync(join(data, "packages")).filter((name) => name.startsWith("."));

  test("they are there in the first call, with those that they need and the links of their programs", async () => {
    const handler =
      '() => ({ leaf: require("branch").leaf, tool: require("node:fs").realpathSync("node_modules/.bin/tool"), dev: require("node:fs").existsSync("node_modules/scripted") })';
    const code = { dependencies: { branch: "2.0.0" }, handler, manifest: { devDependencies: { scripted: "1.0.0" } } };
    await check("first", code, { leaf: "leaf 1.1.0", tool: "/function/node_modules/branch/tool.js", dev: false });
  });

  test("the same packages are installed once for other code of the namespace, and again for another namespace", async () => {
    const known = archivesAsked();
    const code = { dependencies: { leaf: "1.0.0" }, handler: leafHandler };
    await check("again", code, { leaf: "leaf 1.0.0" });
    assert.equal(archivesAsked(), known + 1);
    await check("again", { ...code, files: { "more.js": "1" } }, { leaf: "leaf 1.0.0" });
    assert.equal(archivesAsked(), known + 1);
    await deploy("again", code, {}, "other");
    assert.equal(archivesAsked(), known + 2);
  });

  test("a lockfile decides on versions", async () => {
    const dependencies = { leaf: "^1.0.0" };
    const packages = {
      "": { name: "code", version: "1.0.0", dependencies },
      "node_modules/leaf": registry.lock("leaf", "1.0.0"),
    };
    const lock = JSON.stringify({ name: "code", version: "1.0.0", lockfileVersion: 3, requires: true, packages });
    const files = { "package-lock.json": lock };
    await check("locked", { dependencies, handler: leafHandler, files }, { leaf: "leaf 1.0.0" });
    const other = { dependencies: { leaf: "^1.1.0" }, files };
    await refused("astray", other, "lockfile", /not in step.*npm install/);
    const damaged = lock.replace(/sha512-.{8}/, "sha512-AAAAAAAA");
    await refused("damaged", { dependencies, files: { "package-lock.json": damaged } }, "integrity", /lockfile/);
  });

  test("what cannot be installed is told with its cause, and no function is made", async () => {
    await refused("unknown", { dependencies: { "no-such-package": "1.0.0" } }, "not_found", /no-such-package/);
    await refused("version", { dependencies: { leaf: "5.0.0" } }, "not_found", /leaf@5\.0\.0/);
    await refused("conflict", { dependencies: { leaf: "1.0.0", picky: "1.0.0" } }, "conflict", /exclude one another/);
    await refused(
      "abroad",
      { dependencies: { abroad: "1.0.0" } },
      "refused",
      /files\.example\.net:80.*no registry.*registryHosts/,
    );
    await refused("git", { dependencies: { leaf: "git+https://git.example.net/leaf.git" } }, "source", /git/);
    await refused("big", { dependencies: { big: "1.0.0" } }, "disk", /larger than the space/);
    const { details } = await refused("output", { dependencies: { "no-such-package": "2.0.0" } }, "not_found", /registry/);
    assert.match(details.output, /E404/);
    assert.deepEqual(unfinished(), []);
  });

  test("a link that leads out of the packages is refused", async () => {
    const code = { dependencies: { escaping: "1.0.0" } };
    await refused("escaping", code, "unusable", /passwd.*not a relative path/, { install: "scripts" });
    assert.deepEqual(unfinished(), []);
  });

  test("packages of the code's own folders are linked to them", async () => {
    const files = { "lib/package.json": '{"name":"lib","version":"1.0.0"}', "lib/index.js": 'module.exports = "own"' };
    await check(
      "own",
      { dependencies: { lib: "file:./lib" }, handler: '() => ({ lib: require("lib") })', files },
      { lib: "own" },
    );
  });

  test("code that says none is left as it is", async () => {
    const known = registry.asked.length;
    const fn = await deploy("none", { dependencies: { leaf: "1.0.0" }, handler: leafHandler }, { install: "none" });
    assert.match((await call(fn.invokeUrl, {})).text, /Cannot find module 'leaf'/);
    assert.equal(registry.asked.length, known);
  });

  test("the client says that it waits for them, and shows what the package manager said", async () => {
    const cwd = mkdtempSync(join(tmpdir(), "kiln-project-"));
    const env = { POLYKILN_URL: platform.url };
    const write = (name: string, text: string) => writeFileSync(join(cwd, name), text);
    try {
      write("kiln.yaml", "app: client\nfunctions:\n  needy:\n    kind: nodejs:24\n");
      write("index.js", `module.exports = ${leafHandler};`);
      write("package.json", '{"dependencies":{"leaf":"1.0.0"}}');
      const deployed = await pk(["deploy"], { cwd, env });
      assert.equal(deployed.code, 0, deployed.stderr);
      assert.match(deployed.stderr, /installing the packages of needy on the server \(package\.json\)/);
      assert.deepEqual(await pk(["deploy"], { cwd, env }).then(({ stdout }) => stdout), "no changes\n");
      write("package.json", '{"dependencies":{"no-such-package":"1.0.0"}}');
      const failed = await pk(["deploy"], { cwd, env });
      assert.notEqual(failed.code, 0);
      assert.match(failed.stderr, /could not be installed: the registry does not have[\s\S]*\| npm error code E404/);
      write("kiln.yaml", "app: client\nfunctions:\n  needy:\n    kind: nodejs:24\n    install: none\n");
      const left = await pk(["deploy"], { cwd, env });
      assert.match(left.stdout, /function needy changed \(code, install\)/, left.stderr);
      assert.doesNotMatch(left.stderr, /installing/);
    } finally {
      rmSync(cwd, { recursive: true, force: true });
    }
  });

  test("several who want the same at once share the work", async () => {
    const known = archivesAsked();
    const code = { dependencies: { leaf: "1.1.0" }, handler: leafHandler };
    await Promise.all([1, 2, 3].map((number) => check(`same-${number}`, code, { leaf: "leaf 1.1.0" })));
    assert.equal(archivesAsked(), known + 1);
  });

  test("an installation ends when its caller goes away, and with the server, and leaves nothing", async () => {
    const asked = Promise.withResolvers<void>();
    registry.silent = true;
    registry.onSilence = asked.resolve;
    const code = { dependencies: { leaf: "~1.0.0" }, handler: leafHandler };
    try {
      const leaving = new AbortController();
      const url = `${platform.url}/kiln/v1/namespaces/guest/apps/tests/functions/left`;
      const body = JSON.stringify({ kind: "nodejs:24", code: archiveOf(code).toString("base64") });
      const headers = { "content-type": "application/json" };
      const deployed = fetch(url, { method: "PUT", headers, body, signal: leaving.signal });
      await Promise.race([asked.promise, deployed]);
      leaving.abort();
      await assert.rejects(deployed);
      const again = Promise.withResolvers<void>();
      registry.onSilence = again.resolve;
      const second = fetch(url, { method: "PUT", headers, body });
      const cut = assert.rejects(second);
      await Promise.race([again.promise, second]);
      await platform.crash();
      await cut;
    } finally {
      registry.silent = false;
    }
    platform = await startPlatform({ data, flags: flags() });
    assert.deepEqual(unfinished(), []);
    await check("left", code, { leaf: "leaf 1.0.0" });
    const first = await call(`${platform.url}/kiln/v1/namespaces/guest/apps/tests/functions/again/invoke`, {});
    assert.deepEqual(first.json, { leaf: "leaf 1.0.0" }, "what was installed before is still there");
  });

  test("a registry that is slow or not there is told as such", async () => {
    await platform.stop();
    platform = await startPlatform({ data, flags: [...flags(), "--install-timeout-ms", "4000"] });
    registry.silent = true;
    try {
      await refused("slow", { dependencies: { leaf: ">=1.0.0" } }, "timeout", /more than 4000 ms/);
    } finally {
      registry.silent = false;
    }
    await platform.stop();
    platform = await startPlatform({ data, flags: ["--npm-registry", "http://127.0.0.1:1/"] });
    await refused("gone", { dependencies: { leaf: ">=1.0.0" } }, "unreachable", /127\.0\.0\.1:1.*ECONNREFUSED.*npmRegistry/);
  });
});
