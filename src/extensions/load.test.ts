import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { realWorld } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import { createFramework } from "../http/framework.ts";
import { memoryStore } from "../store/memory/store.ts";
import { registerEndpoints } from "./endpoints.ts";
import type { Extension } from "./extensions.ts";
import { Guard } from "./guard.ts";
import { loadExtensions } from "./load.ts";
import { chosen } from "./ports.ts";

const folder = mkdtempSync(join(tmpdir(), "kiln-extensions-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const logger = { info() {}, warn() {}, error() {} };
const world = realWorld();
const parts = { world, logger, platformVersion: "1.2.3", folder };

function write(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return `./${name}`;
}

const valid = (name: string, more = "") => `export default { name: "${name}", version: 1, ${more} };`;

async function check(names: readonly string[], expected: RegExp): Promise<void> {
  await assert.rejects(loadExtensions(names, parts), (error: unknown) => {
    assert.ok(error instanceof PlatformError && error.code === "invalid", String(error));
    assert.match(error.message, expected);
    assert.match(error.message, /^Extension \S+ can't be used: .+\. To mend it: .+\.$/s);
    return true;
  });
}

test("files and packages are loaded in their order; a function is given the host", async () => {
  write("node_modules/kiln-common/package.json", '{ "name": "kiln-common", "main": "main.cjs" }');
  write("node_modules/kiln-common/main.cjs", 'module.exports = { name: "common", version: 1 };');
  write("node_modules/@a/modern/package.json", '{ "name": "@a/modern", "exports": { ".": { "import": "./index.mjs" } } }');
  write("node_modules/@a/modern/index.mjs", valid("modern"));
  write("made.mjs", 'export default async (host) => ({ name: "for-" + host.platformVersion.replaceAll(".", "-"), version: 1 });');
  const loaded = await loadExtensions(["kiln-common", "./made.mjs", "@a/modern", join(folder, "made.mjs")].slice(0, 3), parts);
  assert.deepEqual(
    loaded.map(({ name }) => name),
    ["common", "for-1-2-3", "modern"],
  );
});

test("what cannot be used is named, with the reason and what to do", async () => {
  await check(["./none.mjs"], /\.\/none\.mjs .*there is no such file/);
  await check(["no-such-package"], /no-such-package .*no package of that name.*npm install no-such-package/);
  await check([write("syntax.mjs", "export default {")], /syntax\.mjs .*could not be loaded: Unexpected/);
  await check([write("throws.mjs", 'throw new Error("at once")')], /could not be loaded: at once/);
  await check([write("imports.mjs", 'import "./gone.mjs"')], /could not be loaded: Cannot find module .*gone\.mjs/);
  await check([write("function.mjs", 'export default () => { throw new Error("in it") }')], /its function threw: in it/);
  await check([write("nothing.mjs", "export const other = 1")], /default export is no extension/);
  await check([write("newer.mjs", 'export default { name: "newer", version: 2 }')], /for version 2 of extensions.*has version 1/);
  await check([write("unnamed.mjs", 'export default { name: "a b", version: 1 }')], /its name is not 1 to 64/);
  await check([write("typo.mjs", valid("typo", "app: {}"))], /it has "app", which nobody knows; apps may be meant/);
  await check(
    [write("hook.mjs", valid("hook", "apps: { beforeCreated() {} }"))],
    /its apps has "beforeCreated".*beforeCreate may be/,
  );
  await check([write("shape.mjs", valid("shape", "apps: { beforeGet: 1 }"))], /its apps\.beforeGet is no function/);
  await check([write("list.mjs", valid("list", "endpoints: {}"))], /its endpoints is no list/);
  await check(
    [write("method.mjs", valid("method", 'endpoints: [{ method: "get", path: "/x", handler() {} }]'))],
    /endpoint 1 has "get" as its method/,
  );
});

test("two that exclude each other are refused, and those that were loaded are closed", async () => {
  const closed = write(
    "closed.mjs",
    valid("closed", "placement() {}, close() { globalThis.closedTimes = (globalThis.closedTimes ?? 0) + 1 }"),
  );
  await check([closed, closed], /its name, closed, is that of \.\/closed\.mjs, too/);
  await check(
    [closed, write("second.mjs", valid("second", "placement() {}"))],
    /brings a placement, and so does \.\/closed\.mjs/,
  );
  assert.equal((globalThis as { closedTimes?: number }).closedTimes, 2);
});

/** With one path. */
const endpoint = (path: string): Extension => ({
  name: `at${path.replaceAll(/\W/g, "-")}`,
  version: 1,
  endpoints: [{ method: "GET", path, handler: () => ({}) }],
});

test("a part that is none, and a path that is taken, are refused", async () => {
  const bad: Extension = { name: "bad", version: 1, store: () => ({}) as never };
  await assert.rejects(
    chosen("store", [bad], memoryStore),
    /Extension bad can't be used: its store has no namespaces, keys, apps/,
  );
  const sad: Extension = { name: "sad", version: 1, store: () => Promise.reject(new Error("no disk")) };
  await assert.rejects(chosen("store", [sad], memoryStore), /its store could not be made: no disk/);

  const framework = createFramework({ world });
  const guard = new Guard({ world, logger, limitMs: 1000 });
  const identifier = { identify: () => ({ name: "all", namespaces: null }) };
  const register = (...paths: string[]) =>
    registerEndpoints(paths.map(endpoint), { framework, guard, identifier, store: memoryStore(), namespace: "guest" });
  for (const path of ["/v2/apps", "/v2/fns/:id", "/v2/fns/:id/calls", "/kiln/v1/x", "/metrics", "/invoke/x", "/v2/:any"])
    assert.throws(() => register(path), /is a path of the platform\. To mend it/, path);
  assert.throws(() => register("/v2/apps/:a/x", "/v2/apps/:b/x"), /is a path of extension at-v2-apps--a-x/);
  register("/v2/apps/:a/x", "/v2/mine", "/mine/*");
  await framework.app.close();
});
