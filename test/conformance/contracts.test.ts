/**
 * Every contract as a user meets it: a real server, a real sandbox, the unmodified kit or server inside, called through our API,
 * through Fn's `/invoke` and through a route.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isId } from "../../src/model/id.ts";
import { type Answer, call, linesOf, put, recordOf, send } from "../client.ts";
import { functionSource, goBuild, npmKit, pipKit } from "../kits.ts";
import { pack } from "../pack.ts";
import { type Deployment, type DeployedFunction, type Platform, startPlatform } from "../platform.ts";

let platform: Platform;

/** Deploys into an app of its own, so that routes of one test do not meet another's, and leads `/t/{app}{source}` to it. */
async function deploy(app: string, deployment: Omit<Deployment, "name" | "app">, routes: readonly string[] = []) {
  const base = `${platform.url}/kiln/v1/namespaces/guest/apps/${app}`;
  await put(base, { config: { GREETING: "from app", LAYER: "app" } });
  const fn = await platform.deploy({ name: "fn", app, ...deployment });
  for (const source of routes) await put(`${base}/routes/r${source.replaceAll("/", "-")}`, { function: "fn", source });
  return { ...fn, route: `${platform.url}/t/${app}` };
}

interface KitCase {
  readonly name: string;
  readonly app: string;
  readonly code: () => Promise<Deployment["archive"]>;
  readonly settings: Readonly<Record<string, unknown>>;
}

const config = { GREETING: "from fn" };

const fnKits: readonly (KitCase & { failure: RegExp })[] = [
  {
    name: "http-stream: npm @fnproject/fdk",
    app: "fdk-node",
    code: async () =>
      pack(
        { folder: functionSource("fdk-node") },
        { folder: await npmKit(["@fnproject/fdk@0.0.76"]), entries: ["node_modules"] },
      ),
    settings: { kind: "nodejs:24", protocol: "http-stream", config },
    failure: /^Exception in function, consult logs for details$/,
  },
  {
    name: "http-stream: PyPI fdk",
    app: "fdk-python",
    code: async () => pack({ folder: functionSource("fdk-python") }, { folder: await pipKit(["fdk==0.1.128"]) }),
    settings: { kind: "python:3.11", protocol: "http-stream", config },
    failure: /too bad/,
  },
];

interface ServerCase extends KitCase {
  /** It sends each piece of an answer as it is written, also while it still reads. */
  readonly duplex: boolean;
}

const servers: readonly ServerCase[] = [
  {
    name: "http-port: Express",
    app: "express",
    code: async () =>
      pack({ folder: functionSource("express") }, { folder: await npmKit(["express@5.3.0"]), entries: ["node_modules"] }),
    settings: { kind: "nodejs:24", protocol: "http-port", concurrency: 4 },
    duplex: true,
  },
  {
    name: "http-port: Flask",
    app: "flask",
    code: async () => pack({ folder: functionSource("flask") }, { folder: await pipKit(["flask==3.1.3"]) }),
    settings: { kind: "python:3.11", protocol: "http-port", concurrency: 4 },
    duplex: false,
  },
  {
    name: "http-port: Go net/http",
    app: "go-http",
    code: async () => readFileSync(await goBuild(functionSource("go-http"))),
    settings: { kind: "go:1", protocol: "http-port", concurrency: 4 },
    duplex: false,
  },
];

const greet = { hello: "Ada", greeting: "from fn" };
const commonJs = (handler: string) =>
  `const say = (event) => ({ hello: event.name, greeting: process.env.GREETING });\nmodule.exports = ${handler};`;

/** Name, kind, file, text, event, answer. */
const handlers: readonly (readonly [string, string, string, string, object, object])[] = [
  ["node, plain function", "nodejs:24", "index.js", commonJs("{ handler: (event) => say(event) }"), { name: "Ada" }, greet],
  ["node, async", "nodejs:24", "index.js", commonJs("{ handler: async (event) => say(event) }"), { name: "Ada" }, greet],
  [
    "node, callback third",
    "nodejs:24",
    "index.js",
    commonJs("{ handler: (event, context, callback) => setImmediate(callback, null, say(event)) }"),
    { name: "Ada" },
    greet,
  ],
  [
    "node, callback second",
    "nodejs:24",
    "index.js",
    commonJs("function (event, callback) { setImmediate(callback, null, say(event)); }"),
    { name: "Ada" },
    greet,
  ],
  [
    "node, ES module",
    "nodejs:24",
    "index.mjs",
    "import { env } from 'node:process';\nexport const handler = async ({ name }, context) => ({ hello: name, greeting: env.GREETING, id: context.callId.length });",
    { name: "Ada" },
    { ...greet, id: 26 },
  ],
  [
    "python, plain function",
    "python:3",
    "main.py",
    "import os\ndef handler(event, context):\n    return {'hello': event['name'], 'greeting': os.environ['GREETING']}\n",
    { name: "Ada" },
    greet,
  ],
  [
    "python, async",
    "python:3.11",
    "main.py",
    "import asyncio, os\nasync def handler(event, context):\n    await asyncio.sleep(0)\n    return {'hello': event['name'], 'greeting': os.environ['GREETING']}\n",
    { name: "Ada" },
    greet,
  ],
];

/** As it was printed, but for what it returns. */
const soSoCold = (last: string) =>
  "var SO_SO_COLD = true; exports.handler\n" +
  `= function(trigger, cb) { console.log('Cold? %s', SO_SO_COLD); SO_SO_COLD = false; return ${last} }`;

describe("contracts", { concurrency: 3, timeout: 400_000 }, () => {
  before(async () => {
    platform = await startPlatform();
  });
  after(async () => {
    assert.equal(await platform.stop(), 0, platform.log());
  });

  for (const kit of fnKits) test(kit.name, () => checkFnKit(kit));
  for (const server of servers) test(server.name, () => checkServer(server));

  test("stdio: a shell script", async () => {
    const file = ["func.sh", readFileSync(`${functionSource("stdio-sh")}/func.sh`)] as const;
    const settings = { kind: "native:1", protocol: "stdio", config };
    const hello = await deploy("stdio-sh", { file, settings });
    await checkOneProcessEach(hello, "world", "hello world\n", "stderr a log line");
    const env = await deploy("stdio-env", { file, settings: { ...settings, config: { ...config, MODE: "env" } } });
    const { text } = await call(env.fnUrl, "", { "x-trace": "t1" });
    assert.match(text, /^GREETING=from fn$/m);
    assert.match(text, /^LAYER=app$/m);
    assert.match(text, /^FN_APP_NAME=stdio-env$/m);
    assert.match(text, /^FN_HEADER_X_TRACE=t1$/m);
    const failing = await deploy("stdio-fail", { file, settings: { ...settings, config: { MODE: "refuse" } } });
    await checkFailure(failing, "", /exit(ed with)?( status| code)? 3/);
    const killed = await deploy("stdio-kill", { file, settings: { ...settings, config: { MODE: "kill" } } });
    const { status, json } = await call(killed.invokeUrl, "");
    assert.equal(status, 502);
    assert.match(String(json["message"]), /SIGKILL/);
  });

  test("stdio: Python", async () => {
    const file = ["func.py", readFileSync(`${functionSource("stdio-python")}/func.py`)] as const;
    const fn = await deploy("stdio-python", { file, settings: { kind: "python:3.11", protocol: "stdio" } });
    const { json, activationId } = await call(fn.invokeUrl, { name: "Ada" });
    assert.deepEqual(json, { message: "Hello Ada", callId: activationId });
    await checkFailure(fn, "no json", /exit(ed with)?( status| code)? 1/);
  });

  test("stdio: Go", async () => {
    const archive = readFileSync(await goBuild(functionSource("stdio-go")));
    const fn = await deploy("stdio-go", { archive, settings: { kind: "go:1" } });
    await checkOneProcessEach(fn, "Ada", "Hello Ada\n", "stderr asked");
  });

  test("native:1: a program with shared libraries, given as bytes", async () => {
    const fn = await deploy("native", { archive: readFileSync("/bin/cat"), settings: { kind: "native:1" } });
    assert.equal((await call(fn.fnUrl, "as it was")).text, "as it was");
  });

  for (const [name, kind, file, text, event, expected] of handlers) {
    test(`frames: ${name}`, async () => {
      const fn = await deploy(name.replaceAll(/[^a-z]+/gi, "-"), { file: [file, text], settings: { kind, config } });
      for (const url of [fn.invokeUrl, fn.fnUrl]) {
        const answer = await call(url, event);
        assert.deepEqual([answer.status, answer.json], [200, expected], answer.text);
      }
    });
  }

  for (const version of ["22", "20"]) {
    test(`frames: nodejs:${version}, fetched at first use`, async () => {
      const file = ["index.js", "exports.handler = () => ({ version: process.version })"] as const;
      const fn = await deploy(`node-${version}`, { file, settings: { kind: `nodejs:${version}` } });
      const answer = await whenPrepared(() => call(fn.invokeUrl, {}));
      assert.match(String(answer.json["version"]), new RegExp(`^v${version}\\.`), answer.text);
    });
  }

  test("a printed program: cat-names", async () => {
    const archive = await pack(
      { folder: functionSource("cat-names") },
      { folder: await npmKit(["cat-names@2.0.0"]), entries: ["node_modules"] },
    );
    const fn = await deploy("cat-names", { archive });
    assert.match(String((await call(fn.fnUrl, {})).json["payload"]), /^Your cat name is \w.*\.$/);
  });

  test("a printed program: exec('whoami')", async () => {
    const text =
      "const exec = require('child_process').exec; exports.handler = (trigger,\n" +
      "cb) => { exec('whoami', (err, stdout) => { console.log(stdout); return cb(null); }); }";
    const fn = await deploy("whoami", { file: ["index.js", text] });
    const { status, activationId } = await call(fn.invokeUrl, {});
    assert.equal(status, 200);
    assert.match((await linesOf(platform.url, activationId, 1))[0] ?? "", /^stdout \w+$/);
  });

  test("a printed program: a callback that is not there, then one given its own result", async () => {
    const printed = await deploy("so-so-cold", { file: ["index.js", soSoCold("callback(cb)")] });
    for (const cold of ["true", "false"]) {
      const answer = await call(printed.invokeUrl, {});
      assert.equal(answer.status, 502);
      assert.match(String(answer.json["message"]), /^callback is not defined \(at \/function\/index\.js:2:\d+\)$/);
      assert.ok((await linesOf(platform.url, answer.activationId, 1)).includes(`stdout Cold? ${cold}`));
    }
    const misused = await deploy("so-so-cold-too", { file: ["index.js", soSoCold("cb({ cold: SO_SO_COLD })")] });
    const { status, json } = await call(misused.invokeUrl, {});
    assert.equal(status, 502);
    assert.match(String(json["message"]), /given an object as its error.*callback\(null, result\).*\/function\/index\.js:2:\d+/);
  });
});

async function checkFnKit(kit: (typeof fnKits)[number]): Promise<void> {
  const fn = await deploy(kit.app, { archive: await kit.code(), settings: kit.settings }, ["/made"]);

  const first = await call(fn.invokeUrl, { name: "Ada" }, { "x-trace": "t1" });
  assert.equal(first.status, 200, first.text);
  assert.ok(isId(first.activationId));
  const { message, callId, config: greeting, app, trace, deadline } = first.json;
  assert.deepEqual([message, callId, greeting, app, trace], ["Hello Ada", first.activationId, "from fn", kit.app, "t1"]);
  assert.match(String(deadline), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.000)?Z$/);
  const second = await call(fn.fnUrl, { name: "Bea", print: "to the second" }, { "x-trace": "t2" });
  assert.deepEqual([second.status, second.json["message"], second.json["trace"]], [200, "Hello Bea", "t2"]);
  assert.equal(second.json["callId"], second.headers.get("fn-call-id"));
  const starts = await Promise.all(
    [first, second].map(async ({ activationId }) => (await recordOf(platform.url, activationId)).start),
  );
  // Frozen already, on a slow machine.
  assert.match(starts.join(), /^cold,(hot|warm)$/);

  const environment = (await call(fn.invokeUrl, { env: true })).json;
  const { FN_LOGFRAME_NAME, FN_LOGFRAME_HDR, ...named } = environment;
  assert.deepEqual([typeof FN_LOGFRAME_NAME, FN_LOGFRAME_HDR], ["string", "Fn-Call-Id"]);
  assert.deepEqual(named, {
    FN_APP_ID: (await recordOf(platform.url, first.activationId)).appId,
    FN_APP_NAME: kit.app,
    FN_FN_ID: fn.id,
    FN_FN_NAME: "fn",
    FN_FORMAT: "http-stream",
    FN_LISTENER: "unix:/tmp/iofs/lsnr.sock",
    FN_MEMORY: "128",
    FN_TYPE: "sync",
  });

  const url = `${fn.route}/made?q=1&r=a%20b`;
  const routed = await send("PUT", url, JSON.stringify({ name: "Cy" }), { "content-type": "application/json", "x-custom": "c" });
  assert.equal(routed.status, 201, routed.text);
  assert.equal(routed.headers.get("location"), "/made");
  // The Node kit gives the values of a header as a list.
  assert.deepEqual(
    { ...routed.json, custom: String(routed.json["custom"]) },
    { method: "PUT", url, custom: "c", ask: { name: "Cy" } },
  );

  await checkKitLogs(fn, second.activationId);
  await checkKitFailure(kit, fn);
}

async function checkKitLogs(fn: DeployedFunction, earlier: string): Promise<void> {
  const later = await call(fn.fnUrl, { print: "to the later" });
  assert.deepEqual((await linesOf(platform.url, earlier, 2)).toSorted(), ["stderr error to the second", "stdout to the second"]);
  assert.deepEqual((await linesOf(platform.url, later.activationId, 2)).toSorted(), [
    "stderr error to the later",
    "stdout to the later",
  ]);
}

async function checkKitFailure({ failure }: (typeof fnKits)[number], fn: DeployedFunction): Promise<void> {
  const ours = await call(fn.invokeUrl, { throw: "too bad" });
  assert.deepEqual([ours.status, ours.json["code"]], [502, "function_failed"]);
  assert.match(String(ours.json["message"]), failure);
  const theirs = await call(fn.fnUrl, { throw: "too bad" });
  assert.deepEqual([theirs.status, theirs.json], [502, { message: "function failed" }]);
  const record = await recordOf(platform.url, theirs.activationId);
  assert.equal(record.status, "function_error");
  assert.match(record.start, /^(hot|warm)$/);
  const next = await call(fn.fnUrl, {});
  assert.equal(next.status, 200);
  assert.match((await recordOf(platform.url, next.activationId)).start, /^(hot|warm)$/, "an error keeps the sandbox");
}

async function checkServer({ app, code, settings, duplex }: ServerCase): Promise<void> {
  const routes = ["/echo", "/ticks", "/tick", "/empty", "/cached", "/fail", "/exit"];
  const fn = await deploy(app, { archive: await code(), settings }, routes);
  for (const url of [fn.invokeUrl, fn.fnUrl]) assert.deepEqual((await call(url, "x".repeat(100_000))).json, { got: 100_000 });

  const echoed = await send("PATCH", `${fn.route}/echo?a=1&b=%2F`, "body", { "x-custom": "c" });
  assert.deepEqual([echoed.status, echoed.text, echoed.headers.get("x-method")], [207, "body", "PATCH"]);
  const seen = JSON.parse(echoed.headers.get("x-seen") ?? "") as Record<string, unknown>;
  assert.deepEqual([seen["url"], seen["custom"], seen["host"]], ["/echo?a=1&b=%2F", "c", new URL(platform.url).host]);
  assert.deepEqual(echoed.headers.getSetCookie(), ["a=1", "b=2"]);

  assert.deepEqual(await ticksOf(fn.route), ["tick 1\n", "tick 2\n", "tick 3\n"]);
  if (duplex) assert.deepEqual(await piecesOf("POST", `${fn.route}/echo`, ["one", "two", "three"]), ["one", "two", "three"]);
  else assert.equal((await piecesOf("POST", `${fn.route}/echo`, ["one", "two", "three"], 50)).join(""), "onetwothree");

  for (const [path, status] of [
    ["/empty", 204],
    ["/cached", 304],
    ["/fail", 503],
  ] as const) {
    const answer = await send("GET", fn.route + path);
    assert.equal(answer.status, status);
    // An answer without a body to read is no reason to end its sandbox.
    assert.match((await recordOf(platform.url, answer.activationId)).start, /^(hot|warm)$/, path);
  }
  const gone = await send("GET", `${fn.route}/exit`);
  assert.equal(gone.status, 502, gone.text);
  const record = await recordOf(platform.url, gone.activationId);
  assert.deepEqual([record.status, record.error?.code], ["developer_error", "function_exited"]);
  assert.match(record.error?.message ?? "", /exit code 3/);
  assert.equal((await send("GET", `${fn.route}/empty`)).status, 204, "served by a new sandbox");
}

async function checkOneProcessEach(fn: DeployedFunction, body: string, answer: string, line: string): Promise<void> {
  for (const url of [fn.invokeUrl, fn.fnUrl]) {
    const { status, text, activationId } = await call(url, body);
    assert.deepEqual([status, text], [200, answer]);
    assert.deepEqual(await linesOf(platform.url, activationId, 1), [line]);
    assert.match((await recordOf(platform.url, activationId)).start, /^(cold|prewarmed)$/);
  }
}

async function checkFailure(fn: DeployedFunction, body: string, cause: RegExp): Promise<void> {
  const ours = await call(fn.invokeUrl, body);
  assert.deepEqual([ours.status, ours.json["code"]], [502, "function_failed"]);
  assert.match(String(ours.json["message"]), cause);
  const theirs = await call(fn.fnUrl, body);
  assert.deepEqual([theirs.status, theirs.json], [502, { message: "function failed" }]);
}

/** A download may take longer than a call waits: the answer then says so. */
async function whenPrepared(ask: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; ; tries++) {
    const answer = await ask();
    if (answer.status !== 503 || tries === 20) return answer;
    assert.match(answer.text, /still being made ready/);
  }
}

/** An answer whose pieces are written when they are asked for: each once the one before came. */
async function ticksOf(route: string): Promise<string[]> {
  const heard: string[] = [];
  const { body } = await fetch(`${route}/ticks`, { signal: AbortSignal.timeout(60_000) });
  for await (const piece of body ?? []) {
    heard.push(Buffer.from(piece as Uint8Array).toString());
    if (heard.length < 3) await send("GET", `${route}/tick`);
  }
  return heard;
}

/** Sends a body piece by piece, each when the one before came back (or after `waitMs`); what came, as it came. */
function piecesOf(method: string, url: string, pieces: readonly string[], waitMs?: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const heard: string[] = [];
    const left = [...pieces];
    const client = request(url, { method, headers: { "content-type": "text/plain" } }, (response) => {
      response.setEncoding("utf8").on("data", (text: string) => {
        heard.push(text);
        if (waitMs === undefined) next();
      });
      response.on("end", () => resolve(heard));
      response.on("error", reject);
    });
    client.on("error", reject);
    const next = () => {
      const piece = left.shift();
      if (piece === undefined) client.end();
      else client.write(piece);
      if (piece !== undefined && waitMs !== undefined) void sleep(waitMs).then(next);
    };
    next();
  });
}
