import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { npm } from "./npm.ts";
import { buildFailed, hostOf, lastLines, type PackageManager, publicRegistries } from "./packages.ts";
import { pip } from "./pip.ts";
import { usedOf } from "./provided.ts";

const facts = { provided: {}, main: null, launchers: "" };

let folder = "";
let made = 0;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "packages-test-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

function codeOf(files: Readonly<Record<string, string>>): string {
  const code = join(folder, String(made++));
  mkdirSync(code);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(code, path)), { recursive: true });
    writeFileSync(join(code, path), text);
  }
  return code;
}

async function check(manager: PackageManager, files: Readonly<Record<string, string>>, expected: string | null): Promise<void> {
  const wanted = await manager.find(codeOf(files), facts);
  const words = wanted && [
    ...(wanted.locked ? ["locked"] : []),
    ...(wanted.needsCode ? ["code"] : []),
    ...Object.keys(wanted.files),
  ];
  assert.equal(words && words.join(" "), expected, JSON.stringify(files));
}

const manifest = (fields: object) => ({ "package.json": JSON.stringify(fields) });
const needy = manifest({ dependencies: { a: "1" } });

test("code for Node needs packages where package.json has some and node_modules is not there", async () => {
  await check(npm, needy, "package.json");
  await check(npm, { ...needy, "package-lock.json": "{}" }, "locked package.json package-lock.json");
  await check(npm, { ...needy, "yarn.lock": "" }, "package.json yarn.lock");
  await check(npm, manifest({ optionalDependencies: { a: "1" } }), "package.json");
  await check(npm, manifest({ dependencies: { a: "file:./a" } }), "code package.json");
  await check(npm, manifest({ dependencies: { a: "1" }, workspaces: ["x"] }), "code package.json");
  await check(npm, { ...needy, "node_modules/b/index.js": "" }, null);
  await check(npm, manifest({ devDependencies: { a: "1" } }), null);
  await check(npm, { "package.json": "[]" }, null);
  await check(npm, { "package.json": "{" }, null);
  await check(npm, { "index.js": "" }, null);
});

test("packages that code may use without naming them are installed where it does", async () => {
  const provided = { redis: "3.1.2", "redis-commands": "1.7.0", uuid: "8.3.2" };
  const found = async (files: Readonly<Record<string, string>>) => {
    const code = codeOf(files);
    const wanted = await npm.find(code, { ...facts, provided: await usedOf("npm", provided, code) });
    return wanted && { ...JSON.parse(wanted.files["package.json"] as string), written: wanted.written !== undefined };
  };
  assert.equal(await found({ "index.js": 'require("redis2"); "redis"' }), null);
  const asks = 'const r = require(/* a note */ "redis"); import v4 from "uuid/v4";';
  const two = { redis: "3.1.2", uuid: "8.3.2" };
  assert.deepEqual(await found({ "lib/deep.mjs": asks }), { private: true, dependencies: two, written: true });
  assert.deepEqual(await found({ "index.js": asks, ...manifest({ main: "x.js" }) }), {
    private: true,
    dependencies: two,
    written: true,
  });
  const own = { dependencies: { uuid: "9.0.0" } };
  assert.deepEqual((await found({ "index.js": asks, ...manifest(own) }))?.dependencies, { ...two, uuid: "9.0.0" });
  const locked = { "index.js": asks, ...manifest(own), "package-lock.json": "{}" };
  assert.deepEqual(await found(locked), { ...own, written: false });
  assert.equal(await found({ "index.js": asks, "node_modules/uuid/index.js": "" }), null);
});

test("code for Python needs packages where requirements.txt has some and no folder of them is there", async () => {
  await check(pip, { "requirements.txt": "a==1 # x\n" }, "requirements.txt");
  await check(pip, { "requirements.txt": "a==1 --hash=sha256:0\n" }, "locked requirements.txt");
  await check(pip, { "requirements.txt": "-r more.txt\n" }, "code requirements.txt");
  await check(pip, { "requirements.txt": "./wheels/a.whl\n" }, "code requirements.txt");
  await check(pip, { "requirements.txt": "# nothing\n\n" }, null);
  await check(pip, { "requirements.txt": "a\n", "vendor/a.py": "" }, null);
  await check(pip, { "requirements.txt": "a\n", "a.dist-info/METADATA": "" }, null);
  await check(pip, { "main.py": "" }, null);
});

test("code for Python may use packages without naming them as well", async () => {
  const provided = { bs4: "beautifulsoup4==4.11.2", requests: "requests==2.32.2", dateutil: "python-dateutil==2.8.2" };
  const found = async (files: Readonly<Record<string, string>>) => {
    const code = codeOf(files);
    const wanted = await pip.find(code, { ...facts, provided: await usedOf("pip", provided, code) });
    return wanted && [wanted.written !== undefined, ...(wanted.files["requirements.txt"] ?? "").split(/\n+/).filter(Boolean)];
  };
  assert.equal(await found({ "__main__.py": 'import requests2\nx = "import requests"\n# import bs4\n' }), null);
  const asks = { "__main__.py": "import os, requests.sessions as r\ndef main(args):\n  from bs4 import BeautifulSoup\n" };
  assert.deepEqual(await found(asks), [true, "beautifulsoup4==4.11.2", "requests==2.32.2"]);
  const own = { "requirements.txt": "Requests>=2\nsix" };
  assert.deepEqual(await found({ ...asks, ...own }), [true, "Requests>=2", "six", "beautifulsoup4"]);
  assert.deepEqual(await found({ ...asks, "requirements.txt": "a==1 --hash=sha256:0" }), [false, "a==1 --hash=sha256:0"]);
  assert.deepEqual(await found({ ...asks, "requirements.txt": "-r more.txt" }), [false, "-r more.txt"]);
  assert.equal(await found({ ...asks, "virtualenv/lib/a.py": "" }), null);
  assert.equal(await found({ ...asks, "requests/__init__.py": "", "bs4.py": "" }), null);
});

test("registries' keys go into npm's settings, never onto its command line, and only registries are reached", () => {
  const wanted = { files: {}, needsCode: false, locked: true };
  const job = (address: string) => npm.job(wanted, "auto", { ...publicRegistries, npm: address }, []);
  const withToken = job("https://:t0ken@npm.example.com/all/");
  assert.deepEqual(withToken.write, { "../npmrc": "//npm.example.com/all/:_authToken=t0ken\n" });
  assert.ok(withToken.command.includes("--registry=https://npm.example.com/all/") && withToken.command.includes("ci"));
  assert.ok(!JSON.stringify(withToken.command).includes("t0ken"));
  const withUser = job("http://u:p@npm.example.com:8080/");
  assert.deepEqual(withUser.write, { "../npmrc": `//npm.example.com:8080/:_auth=${btoa("u:p")}\n` });
  assert.deepEqual(job(publicRegistries.npm).write, { "../npmrc": "" });
  assert.deepEqual(pip.hosts(publicRegistries), ["pypi.org:443", "files.pythonhosted.org:443"]);
  assert.deepEqual(["http://a/", "https://[::1]:9/x"].map(hostOf), ["a:80", "[::1]:9"]);
});

function flags(manager: PackageManager, mode: "auto" | "scripts"): readonly string[] {
  return manager.job({ files: {}, needsCode: false, locked: false }, mode, publicRegistries, []).command;
}

function explain(manager: PackageManager, said: string): string {
  const { reason, why } = manager.explain(said);
  return `${reason}: ${why}`;
}

test("scripts and building from source are off unless they are allowed", () => {
  assert.ok(flags(npm, "auto").includes("--ignore-scripts") && !flags(npm, "scripts").includes("--ignore-scripts"));
  assert.ok(flags(pip, "auto").includes("--only-binary=:all:") && !flags(pip, "scripts").includes("--only-binary=:all:"));
});

test("what package managers print is told in a sentence, with what to do", () => {
  assert.equal(
    explain(npm, "npm error code E404\nnpm error 404 Not Found - GET https://r.example/nothing - Not found\nnpm error 404\n"),
    "not_found: the registry does not have nothing",
  );
  assert.equal(
    explain(
      npm,
      "npm error code E404\nnpm error 404 Not Found - GET https://r.example/@a%2fb\nnpm error 404  '@a/b@^1' is not in this registry.\n",
    ),
    "not_found: the registry does not have @a/b@^1",
  );
  assert.match(explain(npm, "npm error code ENOSPC\n"), /^disk/);
  assert.match(explain(npm, "npm error code ECONNREFUSED\n"), /^unreachable: .*ECONNREFUSED/);
  assert.match(explain(npm, "npm error code ERESOLVE\n"), /^conflict/);
  assert.match(explain(npm, "?"), /^failed/);
  assert.match(explain(pip, "ERROR: No matching distribution found for a==9\n"), /^not_found: .* a==9$/);
  assert.match(
    explain(pip, "WARNING: ... ProxyError('Cannot connect to proxy.')\nERROR: No matching distribution found for a"),
    /^unreachable/,
  );
  assert.match(explain(pip, "ERROR: ResolutionImpossible: for help"), /^conflict/);
  assert.match(explain(pip, "OSError: [Errno 28] No space left on device"), /^disk/);
});

test("of long output the end is shown", () => {
  const said = Array.from({ length: 100 }, (_, i) => `line ${i}\n`).join("");
  assert.equal(lastLines(said).split("\n").length, 30);
  assert.ok(lastLines("x".repeat(10_000)).length === 4000);
  const error = buildFailed({ reason: "failed", why: "it rained", fix: "Wait" }, said);
  assert.equal(error.message, "The packages of the code could not be installed: it rained. Wait");
});
