/** Composer, unmodified: its commands compile and deploy, and every combinator gives what its documentation says. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { put } from "../client.ts";
import { run } from "../fn-client.ts";
import { npmKit } from "../kits.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { noRedis, type PrivateRedis, startPrivateRedis } from "../private-redis.ts";

/** Of the client, what is used here. */
interface Client {
  readonly actions: {
    create(options: object): Promise<object>;
    invoke(options: object): Promise<Record<string, unknown>>;
  };
  readonly activations: { get(options: object): Promise<{ readonly response: { readonly result: unknown } }> };
}

type Json = Readonly<Record<string, unknown>>;

let platform: Platform;
let redis: PrivateRedis | null = null;
let client: Client;
let kit = "";
const home = mkdtempSync(join(tmpdir(), "kiln-composer-"));

before(async () => {
  kit = await npmKit(["openwhisk-composer@0.12.0"]);
  if (noRedis === false) redis = await startPrivateRedis();
  platform = await startPlatform(redis === null ? {} : { env: { POLYKILN_EGRESS_PRIVATE_NETWORKS: redis.network } });
  if (redis !== null) {
    const egress = ["internet", "platform", `${redis.address}:${redis.port}`];
    await put(`${platform.url}/kiln/v1/namespaces/guest/egress`, { egress });
  }
  writeFileSync(join(home, ".wskprops"), `APIHOST=${platform.url}\nAUTH=${platform.auth}\nNAMESPACE=_\n`);
  const openwhisk = createRequire(join(kit, "package.json"))("openwhisk") as (options: object) => Client;
  client = openwhisk({ apihost: platform.url, api_key: platform.auth });
  const actions = {
    increment: "function main({ n }) { return { n: n + 1 }; }",
    double: "function main({ n }) { return { n: n * 2 }; }",
    isSmall: "function main({ n }) { return { value: n < 10 }; }",
    fail: "function main() { return { error: 'as it was told', more: 1 }; }",
  };
  for (const [name, action] of Object.entries(actions)) await client.actions.create({ name, action });
});
after(async () => {
  await platform?.stop();
  await redis?.stop();
  rmSync(home, { recursive: true, force: true });
});

const program = (file: string) => join(kit, "node_modules/openwhisk-composer/bin", file);

/** As somebody types it: `compose NAME.js > NAME.json`, `deploy NAME NAME.json -w`. */
async function deploy(name: string, composition: string): Promise<void> {
  const source = join(home, `${name}.js`);
  writeFileSync(source, `const composer = require("openwhisk-composer");\nmodule.exports = ${composition};\n`);
  const options = { home, input: "", cwd: home };
  const compiled = await run(process.execPath, [program("compose.js"), source], options);
  writeFileSync(join(home, `${name}.json`), compiled);
  const told = await run(process.execPath, [program("deploy.js"), name, `${name}.json`, "-w"], options);
  assert.match(told, /^ok: created action/, compiled + told);
}

async function invoke(name: string, params: Json): Promise<unknown> {
  try {
    return await client.actions.invoke({ name, params, blocking: true, result: true });
  } catch (thrown) {
    const { error } = thrown as { readonly error?: { readonly response?: { readonly result: unknown } } };
    if (error === undefined) throw thrown;
    return error.response?.result ?? error;
  }
}

/** What each is called with, and what comes out, worked out by hand. */
const combinators: Readonly<Record<string, readonly [composition: string, input: Json, expected: Json]>> = {
  action: ['composer.action("increment")', { n: 1 }, { n: 2 }],
  "an action of its own": ['composer.action("own", { action: function ({ n }) { return { n: n - 1 }; } })', { n: 1 }, { n: 0 }],
  function: ["composer.function(({ n }) => ({ n: n * n }))", { n: 7 }, { n: 49 }],
  "function with effects alone": ["composer.function(params => { params.seen = true; })", { n: 7 }, { n: 7, seen: true }],
  literal: ['composer.literal({ said: "so" })', { n: 7 }, { said: "so" }],
  "value, no object": ["composer.value(42)", {}, { value: 42 }],
  sequence: ['composer.sequence("increment", "double", "increment")', { n: 1 }, { n: 5 }],
  seq: ['composer.seq("double", "double")', { n: 1 }, { n: 4 }],
  "if, true": ['composer.if("isSmall", "increment", "double")', { n: 3 }, { n: 4 }],
  "if, false": ['composer.if("isSmall", "increment", "double")', { n: 30 }, { n: 60 }],
  "if without an else": ['composer.if("isSmall", "increment")', { n: 30 }, { n: 30 }],
  if_nosave: [
    "composer.if_nosave(p => { p.value = p.n < 10; }, p => ({ small: p.n }), p => ({ large: p.n }))",
    { n: 3 },
    { small: 3 },
  ],
  while: ['composer.while("isSmall", "double")', { n: 3 }, { n: 12 }],
  while_nosave: ["composer.while_nosave(p => { p.value = p.n < 10; }, p => ({ n: p.n + 4 }))", { n: 1 }, { n: 13, value: false }],
  dowhile: ['composer.dowhile("double", "isSmall")', { n: 20 }, { n: 40 }],
  dowhile_nosave: [
    "composer.dowhile_nosave(p => ({ n: p.n + 4 }), p => { p.value = p.n < 10; })",
    { n: 1 },
    { n: 13, value: false },
  ],
  "try, nothing wrong": ['composer.try("increment", () => ({ caught: true }))', { n: 1 }, { n: 2 }],
  "try, and it fails": ['composer.try("fail", ({ error }) => ({ caught: error }))', { n: 1 }, { caught: "as it was told" }],
  "an error that nobody catches": ['composer.sequence("fail", "increment")', { n: 1 }, { error: "as it was told" }],
  "a function that throws": [
    "composer.try(() => { throw new Error('x'); }, ({ error }) => ({ caught: /threw an exception/.test(error) }))",
    {},
    { caught: true },
  ],
  finally: ['composer.finally("increment", p => ({ last: p.n }))', { n: 1 }, { last: 2 }],
  "finally after an error": ['composer.finally("fail", p => ({ was: p.error }))', { n: 1 }, { was: "as it was told" }],
  let: [
    'composer.let({ kept: 0 }, p => { kept = p.n; }, "double", p => ({ before: kept, after: p.n }))',
    { n: 4 },
    { before: 4, after: 8 },
  ],
  mask: ["composer.let({ x: 1 }, composer.let({ x: 2 }, composer.mask(() => ({ x }))))", {}, { x: 1 }],
  retain: ['composer.retain("double")', { n: 4 }, { params: { n: 4 }, result: { n: 8 } }],
  retain_catch: ['composer.retain_catch("fail")', { n: 4 }, { params: { n: 4 }, result: { error: "as it was told" } }],
  merge: ["composer.merge(() => ({ m: 1 }))", { n: 4 }, { n: 4, m: 1 }],
  repeat: ['composer.repeat(3, "double")', { n: 1 }, { n: 8 }],
  retry: [
    "composer.let({ left: 2 }, composer.retry(3, p => left-- > 0 ? { error: 'not yet' } : { left: left }))",
    {},
    { left: -1 },
  ],
  "retry in vain": ['composer.retry(2, "fail")', { n: 1 }, { error: "as it was told" }],
  dynamic: ["composer.dynamic()", { type: "action", name: "double", params: { n: 21 } }, { n: 42 }],
  task: ['composer.task("double")', { n: 2 }, { n: 4 }],
  "task of nothing": ["composer.task(null)", { n: 2 }, { n: 2 }],
  empty: ["composer.empty()", { n: 2 }, { n: 2 }],
  "a composition in a composition": [
    'composer.seq(composer.try(composer.seq("increment", "fail"), () => ({ n: 5 })), composer.while("isSmall", "increment"))',
    { n: 1 },
    { n: 10 },
  ],
};

for (const [title, [composition, input, expected]] of Object.entries(combinators)) {
  test(title, async () => {
    await deploy("composed", composition);
    assert.deepEqual(await invoke("composed", input), expected);
  });
}

test("a composition is an action of a composition", async () => {
  await deploy("inner", 'composer.sequence("increment", "double")');
  await deploy("outer", 'composer.sequence("inner", "increment", "inner")');
  assert.deepEqual(await invoke("outer", { n: 1 }), { n: 12 });
});

test("async goes on while its result is looked for", async () => {
  await deploy("later", 'composer.async("increment", "double")');
  const told = (await invoke("later", { n: 1 })) as { readonly method: string; readonly activationId: string };
  assert.equal(told.method, "async", JSON.stringify(told));
  const giveUpAt = performance.now() + 60_000;
  for (;;) {
    const record = await client.activations.get({ name: told.activationId }).catch(() => null);
    if (record !== null) return assert.deepEqual(record.response.result, { n: 4 });
    assert.ok(performance.now() < giveUpAt, "it did not end");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

const forked: Readonly<Record<string, readonly [composition: string, input: Json, expected: readonly Json[]]>> = {
  parallel: [
    'composer.parallel("increment", composer.seq("double", "double"), p => ({ n: -p.n }))',
    { n: 3 },
    [{ n: 4 }, { n: 12 }, { n: -3 }],
  ],
  map: ['composer.map("increment")', { value: [{ n: 1 }, { n: 2 }, { n: 3 }] }, [{ n: 2 }, { n: 3 }, { n: 4 }]],
  "one that fails among several": ['composer.par("increment", "fail")', { n: 1 }, [{ n: 2 }, { error: "as it was told" }]],
};

for (const [title, [composition, input, value]] of Object.entries(forked)) {
  test(title, { skip: noRedis }, async () => {
    await deploy("forked", composition);
    const params = { ...input, $composer: { redis: { uri: redis?.uri } } };
    assert.deepEqual(await invoke("forked", params), { value });
  });
}

test("parallel without a Redis says what it lacks", async () => {
  await deploy("lacking", 'composer.parallel("increment", "double")');
  assert.deepEqual(await invoke("lacking", { n: 1 }), {
    error: "Parallel combinator requires a properly configured redis instance",
  });
});
