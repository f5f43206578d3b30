/** Modules that were compiled ahead behave as if they were not: what `runtimes/nodejs/compile.cjs` makes, and `load.cjs` uses. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, afterEach, beforeEach, test } from "node:test";
import { CompiledStore } from "../../src/image/code/compiled-store.ts";
import { realWorld } from "../../src/lib/world.ts";

const runtime = join(import.meta.dirname, "../../runtimes/nodejs");
const top = mkdtempSync(join(tmpdir(), "compiled-modules-"));
after(() => rmSync(top, { recursive: true, force: true }));

let folder = "";
let folders = 0;
beforeEach(() => {
  folder = join(top, String(++folders));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** Compiles the code, and puts what came of it where the code is. */
async function compile(...handler: readonly string[]): Promise<boolean> {
  const server = createServer();
  const socket = join(top, `socket-${folders}`);
  server.listen(socket);
  const child = spawn("timeout", ["60", process.execPath, join(runtime, "compile.cjs"), ...handler], {
    env: { KILN_SOCKET: socket, KILN_CODE: folder },
    stdio: "ignore",
  });
  const [connection] = (await once(server, "connection")) as [NodeJS.ReadableStream];
  const pieces: Buffer[] = [];
  for await (const piece of connection) pieces.push(piece as Buffer);
  await once(child, "exit");
  server.close();
  const store = await CompiledStore.open(join(top, `store-${folders}`), realWorld());
  const key = { owner: "fn", code: "digest", parts: [folders] };
  const isKept = await store.add(key, folder, Buffer.concat(pieces));
  if (isKept) cpSync(join((await store.find(key)) ?? "", ".kiln"), join(folder, ".kiln"), { recursive: true });
  return isKept;
}

const program = `require(${JSON.stringify(join(runtime, "load.cjs"))}).loadHandler(process.argv[1], null)
  .then(({ handler }) => handler()).then((answer) => console.log(JSON.stringify(answer)), (error) => console.log(error.stack))`;

function run(env: Readonly<Record<string, string>> = {}): string {
  return execFileSync(process.execPath, ["-e", program, folder], { env, encoding: "utf8", timeout: 60_000 }).trim();
}

const answer = (text: string) => ({
  "index.js": 'exports.handler = () => require("./a.js")',
  "a.js": `module.exports = "${text}"`,
});

test("a module sees what it would see without, and errors name its places", async () => {
  write({
    "index.js": `const a = require("./lib/a"); const load = require("./load"); const places = () => new Error("x").stack.split("\\n").slice(1, 3).map((line) => line.trim());
      exports.handler = async () => ({
        a, places: places(), dir: __dirname, file: __filename, main: require.main === module, own: typeof arguments, that: this === exports,
        data: require("./data.json"), name: require("named/sub").name, resolved: require.resolve("named/sub"), paths: require.resolve.paths("x"),
        cached: Object.keys(require.cache).filter((file) => file.startsWith(__dirname)).sort(), children: module.children.map(({ id }) => id).sort(), parent: typeof module.parent,
        imported: (await load("./esm.mjs")).value, dynamic: (await load("./lib/b.js")).default.b, word: require("./word").word,
        missing: await load("./nothing.js").catch((error) => error.code), none: (() => { try { require("./none") } catch (error) { return error.code } })(),
        evaluated: await require("./evil")("./esm.mjs").then(({ value }) => value), bad: (() => { try { require("./bad") } catch (error) { return error.name } })(), script: require("./script"), loaded: module.loaded,
      });`,
    "load.js": "module.exports = (path) => import(path)",
    "evil.js": 'module.exports = (path) => eval("imp" + "ort(path)")',
    "lib/a.js": 'exports.early = 1; exports.b = require("./b").seen; exports.late = 2;',
    "lib/b.js": 'exports.seen = Object.keys(require("./a")); exports.b = "b";',
    "data.json": '{"n":1}',
    "node_modules/named/package.json": '{"name":"named","exports":{"./sub":{"require":"./inner.cjs"}}}',
    "node_modules/named/inner.cjs": 'exports.name = __filename.split("/").slice(-2).join("/")',
    "esm.mjs": 'import { b } from "./lib/b.js"; export const value = b + typeof require;',
    "word.js": "exports.word = 'žluťoučký 🐎 ' + 'ü';",
    "bad.js": "}); console.log('out'); (function () {",
    "script.js": "#!/usr/bin/env node\nmodule.exports = __filename.length > 0",
  });
  const without = run();
  assert.equal(await compile(), true);
  assert.equal(run(), without);
  assert.match(without, /"word":"žluťoučký 🐎 ü"/);
  assert.match(without, /index\.js:1:\d+/);
});

test("an error while it loads has the place, and what could be loaded is kept", async () => {
  write({
    "index.js": 'require("./a");\nrequire("./b");',
    "a.js": "exports.a = 1",
    "b.js": "\n\n  throw new Error('no network')",
  });
  const without = run();
  assert.match(without, /b\.js:3:9/);
  assert.equal(await compile(), true);
  assert.equal(run().replace(/\n.*(?:modules\.cjs|node:internal).*/g, ""), without.replace(/\n.*node:internal.*/g, ""));
});

test("sources are not read again, unless what was made does not fit", async () => {
  write(answer("first"));
  assert.equal(await compile(), true);
  write(answer("other"));
  // Made when it was loaded, so what only its calls need is loaded as ever.
  write({ "index.js": 'const a = require("./a.js"); exports.handler = () => a' });
  assert.equal(run(), '"other"', "only the entry had been loaded");
  assert.equal(run({ NODE_OPTIONS: "--no-warnings" }), '"other"');
});

for (const [what, damage] of [
  [
    "another version of Node",
    (bytes: Buffer) => Buffer.from(bytes.toString("latin1").replace(process.version, "v99.99.9"), "latin1"),
  ],
  ["a cut file", (bytes: Buffer) => bytes.subarray(0, 40)],
  ["an empty file", () => Buffer.alloc(0)],
] as const) {
  test(`${what}: the sources are loaded`, async () => {
    write({ "index.js": 'const a = require("./a.js"); exports.handler = () => a', "a.js": 'module.exports = "first"' });
    assert.equal(await compile(), true);
    write({ "a.js": 'module.exports = "other"' });
    assert.equal(run(), '"first"', "it was in use before");
    assert.equal(run({ NODE_PATH: "/nowhere" }), '"other"');
    const file = join(folder, ".kiln/modules");
    writeFileSync(file, damage(readFileSync(file)));
    assert.equal(run(), '"other"');
  });
}

test("who looks at the sources as they are compiled sees them all", async () => {
  write({
    "index.js": `const Module = require("module"); const compile = Module.prototype._compile; const seen = [];
      Module.prototype._compile = function (content, file, ...rest) { seen.push(file.split("/").pop()); return compile.call(this, content, file, ...rest) };
      require("./a.js"); exports.handler = () => seen`,
    "a.js": 'require("./b.js")',
    "b.js": "",
  });
  assert.equal(await compile(), true);
  assert.equal(run(), '["a.js","b.js"]');
});

test("a module that is no CommonJS is kept by Node's own cache", async () => {
  write({
    "index.mjs": 'import { a } from "./a.mjs"; export const handler = () => a',
    "a.mjs": "export const a = 'a'.repeat(3)",
  });
  assert.equal(await compile(), true);
  assert.equal(run(), '"aaa"');
});

test("code for Lambda is loaded as its first call would load it", async () => {
  write({
    "index.js": "exports.a = { run: awslambda.streamifyResponse(async () => {}) }; require('./later.js')",
    "later.js": "exports.b = 1",
  });
  assert.equal(await compile("index.a.run", "lambda"), true);
  assert.match(readFileSync(join(folder, ".kiln/modules"), "latin1"), /later\.js/);
});
