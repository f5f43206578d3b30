/** Code is compiled ahead of its starts, in the background, for its own function only, and behaves as it did. */
import assert from "node:assert/strict";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { makeZip } from "../archives.ts";
import { type DeployedFunction, type Platform, startPlatform } from "../platform.ts";
import { cannotCount } from "./footprint.ts";

/** Each call has a start of its own, and no stem cell. */
const settings = { isolation: "fresh", egress: "none", memoryMiB: 160, timeoutMs: 60_000 };
const modules = 40;

const names = Array.from({ length: modules }, (_, i) => `m${i}`);

const nodeFiles = [
  ...names.map((name) => ({
    name: `lib/${name}.js`,
    data: `exports.name = __filename; exports.big = "${"x".repeat(1000)}".length;`,
  })),
  {
    name: "index.js",
    data: `const all = [${names.map((name) => `require("./lib/${name}.js")`).join(", ")}];
      exports.handler = (text) => ({ compiled: require("fs").existsSync("/function/.kiln/modules"), sum: all.length, last: all.at(-1).name,
        place: new Error().stack.split("\\n")[1].trim(), user: process.env.WHO, wrote: tryToWrite() });
      function tryToWrite() { try { require("fs").appendFileSync("/function/.kiln/modules", "x"); return true } catch (error) { return error.code } }`,
  },
];

const pythonFiles = [
  ...names.map((name) => ({
    name: `${name}.py`,
    data: `NAME = __file__\ndef f(a, b=1):\n    return [x for x in range(a)]\n${"# long\n".repeat(50)}`,
  })),
  {
    name: "main.py",
    data: `${names.map((name) => `import ${name}`).join("\n")}
import os, sys
def handler(event, context):
    shim = sys.modules["kiln_runtime.serve"]
    return {"compiled": os.path.exists(m0.__cached__), "shim": os.path.exists(shim.__cached__), "last": m39.NAME, "user": os.environ["WHO"]}
`,
  },
];

describe("code that is compiled ahead", { skip: cannotCount, timeout: 240_000 }, () => {
  let platform: Platform;
  let data = "";
  before(async () => {
    data = mkdtempSync(join(tmpdir(), "kiln-compiled-"));
    platform = await startPlatform({ data });
  });
  after(async () => {
    await platform?.stop();
    rmSync(data, { recursive: true, force: true });
  });

  const compiled = (fn: DeployedFunction) => globSync(`${data}/compiled/${fn.id}/*/compiled.json`);
  const deploy = (name: string, files: readonly { name: string; data: string }[], more: object = {}) =>
    platform.deploy({
      name,
      archive: makeZip(files.map((file) => ({ name: file.name, data: Buffer.from(file.data) }))),
      settings: { ...settings, config: { WHO: name }, ...more },
    });

  test("Node: the same answers from the first call on, and nothing is shared", async () => {
    const fn = await deploy("one", nodeFiles);
    const first = await call(fn);
    assert.deepEqual([first["sum"], first["user"]], [modules, "one"]);
    const later = await untilCompiled(fn);
    for (const name of ["sum", "last", "place", "user"]) assert.equal(later[name], first[name], name);
    assert.equal(later["last"], "/function/lib/m39.js");
    assert.notEqual(later["wrote"], true);
    const twin = await deploy("twin", nodeFiles);
    assert.equal((await untilCompiled(twin))["user"], "twin");
    assert.notDeepEqual(compiled(twin), compiled(fn));
  });

  test("Python: its bytecode, and our shim's", async () => {
    const fn = await deploy("snake", pythonFiles, { kind: "python:3.11" });
    const first = await call(fn);
    assert.equal(first["shim"], true);
    const later = await untilCompiled(fn);
    assert.deepEqual([later["last"], later["user"]], ["/function/m39.py", "snake"]);
  });

  test("what is damaged is made again, and used by nobody meanwhile", async () => {
    const fn = await deploy("damaged", nodeFiles);
    const good = await untilCompiled(fn);
    assert.equal(await platform.stop(), 0);
    const [facts = ""] = compiled(fn);
    const file = join(facts, "../files/.kiln/modules");
    const bytes = readFileSync(file);
    bytes.fill(0x41, bytes.length - 2000, bytes.length - 1000);
    writeFileSync(file, bytes);
    platform = await startPlatform({ data });
    const response = await fetch(`${platform.url}${new URL(fn.invokeUrl).pathname}`, { method: "POST" });
    assert.deepEqual(await response.json(), { ...good, compiled: false, wrote: "ENOENT" });
  });
});

async function call(fn: DeployedFunction): Promise<Record<string, unknown>> {
  const response = await fetch(fn.invokeUrl, { method: "POST" });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text) as Record<string, unknown>;
}

/** Calls it until it starts from what was compiled, and gives that answer. */
async function untilCompiled(fn: DeployedFunction): Promise<Record<string, unknown>> {
  const giveUpAt = Date.now() + 120_000;
  for (;;) {
    const answer = await call(fn);
    if (answer["compiled"] === true) return answer;
    assert.ok(Date.now() < giveUpAt, "compiled within two minutes");
    await sleep(200);
  }
}
