/** Refusals and answers that need no code to run. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { type Answer, ask, type RequestOptions } from "../../../test/http-harness.ts";
import { whiskContext } from "../../../test/whisk-context.ts";
import type { Invoker } from "../../invocation/invocation.ts";
import { realWorld } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import { type WskContext, openWhiskInvoke, openWhiskManagement } from "./openwhisk.ts";

const world = realWorld();
let context: WskContext;
let authorization: string;

/** Takes nothing: who gets here was not refused. */
const full: Invoker = {
  begin: (_request, _signal, caller) => caller.told(noRoom()),
  invoke: async () => noRoom(),
  accept: async () => Promise.reject(new PlatformError("throttled", "", { details: { limit: "namespaceCallsMax", max: 7 } })),
};

function noRoom() {
  const error = new PlatformError("overloaded", "No room", { details: { limit: "memory" } });
  return { ok: false, activationId: null, fn: null, error, recorded: null } as const;
}

beforeEach(async () => {
  const made = await whiskContext(full);
  context = made.context;
  authorization = made.authorization.guest;
});

const jsonType = ["content-type", "application/json"];

function call({ headers = [], ...options }: RequestOptions): Promise<Answer> {
  const isCall = options.method === "POST";
  const handler = isCall ? openWhiskInvoke(context) : openWhiskManagement(context);
  return ask(handler, { ...options, headers: ["authorization", authorization, ...jsonType, ...headers] });
}

const at = (path: string) => `/api/v1/namespaces/_/${path}`;

async function put(path: string, body: object): Promise<Record<string, unknown>> {
  const { status, body: text } = await call({ method: "PUT", target: at(path), body: JSON.stringify(body) });
  assert.equal(status, 200, text);
  return JSON.parse(text) as Record<string, unknown>;
}

const action = { exec: { kind: "nodejs:default", code: "function main() {}" } };

test("what anybody may read", async () => {
  const open = (target: string) => ask(openWhiskManagement(context), { target });
  const info = JSON.parse((await open("/api/v1")).body) as Record<string, unknown>;
  assert.deepEqual([info["api_version"], info["api_version_path"]], ["1.0.0", "v1"]);
  assert.deepEqual(info["swagger_paths"], { ui: "/docs", "api-docs": "/api-docs" });
  assert.equal((await open("/ping")).body, "pong");
  const document = JSON.parse((await open("/api/v1/api-docs")).body) as { swagger: string; paths: Record<string, object> };
  assert.equal(document.swagger, "2.0");
  assert.ok("/namespaces/{namespace}/actions/{action}" in document.paths);
  const preflight = await ask(openWhiskManagement(context), { method: "OPTIONS", target: "/api/v1/anything" });
  assert.deepEqual([preflight.status, preflight.header("access-control-allow-origin")], [200, "*"]);
});

async function refusedEntry(headers: readonly string[], challenge: string, text: RegExp): Promise<void> {
  const answer = await ask(openWhiskManagement(context), { target: at("actions"), headers, loopback: true });
  assert.equal(answer.status, 401);
  assert.equal(answer.header("www-authenticate"), `${challenge} realm="OpenWhisk secure realm"`);
  assert.match((JSON.parse(answer.body) as { error: string }).error, text);
}

test("a key is wanted, also on loopback; browsers are not asked for a password", async () => {
  await refusedEntry([], "Basic", /^The resource requires authentication, which was not supplied with the request$/);
  await refusedEntry(["authorization", "Basic bm90aGluZw=="], "Basic", /^The supplied authentication is invalid$/);
  await refusedEntry(["authorization", `Basic ${btoa("someone:x")}`], "Basic", /^The supplied authentication is invalid$/);
  await refusedEntry(["sec-fetch-mode", "cors"], "Bearer", /requires authentication/);
});

test("requests are named by their caller, or by us", async () => {
  const named = await call({ target: at("actions/none"), headers: ["x-request-id", "mine"] });
  assert.equal(named.header("x-request-id"), "mine");
  assert.deepEqual(JSON.parse(named.body), { error: "The requested resource does not exist.", code: "mine" });
  const reserved = await call({ target: at("actions/none"), headers: ["x-request-id", "sid_x"] });
  assert.match(reserved.header("x-request-id") ?? "", /^[0-9A-Za-z]{32}$/);
});

const long = "n".repeat(257);
const malformed = "The request content was malformed:\n";
const kindsText =
  "Valid values are: 'nodejs:24', 'nodejs:22', 'nodejs:20', 'python:3.11', 'java:17', 'deno:2', 'bun:1', 'ruby:3.1', 'php:8.2', 'go:1', 'rust:1', 'native:1', 'sequence', 'blackbox'.";

const refusals: readonly (readonly [request: string, status: number, error: string, body?: string])[] = [
  ["GET /api/v1/nothing", 404, "The requested resource could not be found."],
  ["GET /api/v1/namespaces/guest", 404, "The requested resource could not be found."],
  ["PATCH /api/v1/namespaces/_/actions/a", 405, "HTTP method not allowed, supported methods: GET, PUT, POST, DELETE"],
  ["GET /api/v1/namespaces/other/actions", 403, "The supplied authentication is not authorized to access 'other'."],
  ["GET /api/v1/namespaces/none/actions/p/a", 403, "The supplied authentication is not authorized to access 'none/p'."],
  ["POST /api/v1/namespaces/other/actions/a", 403, "The supplied authentication is not authorized to access 'other/a'."],
  ["GET /api/v1/namespaces/o$/actions/a", 400, "The namespace contains illegal characters."],
  [`GET /api/v1/namespaces/${long}/actions`, 400, "Namespace longer than allowed: 257 > 256."],
  ["GET /api/v1/namespaces/other/actions/a$", 400, "The name of the entity contains illegal characters."],
  ["GET /api/v1/namespaces/_/actions/%zz", 400, "The name of the entity contains illegal characters."],
  ["GET /api/v1/namespaces/_/actions/a%20", 400, "The name of the entity contains illegal characters."],
  ["GET /api/v1/namespaces/_/actions/%C3%BC", 400, "The name of the entity contains illegal characters."],
  [`GET /api/v1/namespaces/_/actions/${long}`, 400, "Name segement longer than allowed: 257 > 256."],
  [
    "GET /api/v1/namespaces/_/actions?limit=201",
    400,
    "The query parameter 'limit' was malformed:\nThe value '201' is not in the range of 0 to 200 for actions.",
  ],
  [
    "GET /api/v1/namespaces/_/actions?limit=x",
    400,
    "The query parameter 'limit' was malformed:\nThe value 'x' is not an integer for actions.",
  ],
  [
    "GET /api/v1/namespaces/_/activations?skip=-1",
    400,
    "The query parameter 'skip' was malformed:\nThe value '-1' is not greater than or equal to 0 for activations.",
  ],
  ["GET /api/v1/namespaces/_/activations?docs=true&count=true", 400, "The parameter 'docs' is not permitted with 'count'."],
  [
    "GET /api/v1/namespaces/_/activations?name=a/b/c",
    400,
    "The query parameter 'name' was malformed:\nParameter may be a 'simple' name or 'package-name/simple' name: a/b/c",
  ],
  [
    "GET /api/v1/namespaces/_/activations?since=x",
    400,
    "The query parameter 'since' was malformed:\nParameter is not a valid value for epoch seconds: x",
  ],
  ["GET /api/v1/namespaces/_/activations/abc", 400, "Activation id length is 3 but must be 32."],
  [`GET /api/v1/namespaces/_/activations/${"z".repeat(32)}`, 400, "The activation id is not valid."],
  [`GET /api/v1/namespaces/_/activations/${"0".repeat(32)}`, 404, "The requested resource does not exist."],
  ["GET /api/v1/namespaces/_/actions/none", 404, "The requested resource does not exist."],
  ["GET /api/v1/namespaces/_/actions/none/a", 404, "The requested resource does not exist."],
  ["DELETE /api/v1/namespaces/_/actions/none", 404, "The requested resource does not exist."],
  ["POST /api/v1/namespaces/_/actions/none", 404, "The requested resource does not exist."],
  ["PUT /api/v1/namespaces/_/actions/a", 400, "Request entity expected but not supplied", ""],
  ["PUT /api/v1/namespaces/_/actions/a", 400, `${malformed}Object expected`, "[]"],
  ["PUT /api/v1/namespaces/_/actions/a", 400, "exec undefined", "{}"],
  ["PUT /api/v1/namespaces/_/actions/a", 400, `${malformed}'kind' must be a string defined in 'exec'`, '{"exec":{}}'],
  [
    "PUT /api/v1/namespaces/_/actions/a",
    400,
    `${malformed}The specified runtime 'perl:5' is not supported by this platform. ${kindsText}`,
    '{"exec":{"kind":" Perl:5 ","code":""}}',
  ],
  [
    "PUT /api/v1/namespaces/_/actions/a",
    400,
    `${malformed}'code' must be a string or attachment object defined in 'exec' for 'nodejs:24' actions`,
    '{"exec":{"kind":"nodejs"}}',
  ],
  [
    "PUT /api/v1/namespaces/_/actions/a",
    400,
    `${malformed}if defined, 'main' be a string in 'exec' for 'nodejs:24' actions`,
    '{"exec":{"kind":"nodejs","code":"x","main":1}}',
  ],
  ["PUT /api/v1/namespaces/_/actions/a", 400, `${malformed}parameters malformed!`, '{"parameters":[{"name":"x"}]}'],
  ["PUT /api/v1/namespaces/_/actions/a", 400, `${malformed}semantic version malformed`, '{"version":"0.0"}'],
  [
    "PUT /api/v1/namespaces/_/actions/a",
    400,
    "duration 99 milliseconds below allowed threshold of 100 milliseconds",
    '{"limits":{"timeout":99}}',
  ],
  [
    "PUT /api/v1/namespaces/_/actions/a",
    400,
    "memory size 513 MB exceeds allowed threshold of 512 MB",
    '{"limits":{"memory":513}}',
  ],
  ["PUT /api/v1/namespaces/_/actions/a", 400, "log size 11 MB exceeds allowed threshold of 10 MB", '{"limits":{"logs":11}}'],
  ["PUT /api/v1/namespaces/_/actions/a", 400, `${malformed}time limit malformed`, '{"limits":{"timeout":"1"}}'],
  ["PUT /api/v1/namespaces/_/actions/a", 400, `${malformed}memory limit must be whole number`, '{"limits":{"memory":128.5}}'],
  ["POST /api/v1/namespaces/_/actions/is", 400, `${malformed}Object expected`, "[1]"],
  [
    "POST /api/v1/namespaces/_/actions/is?blocking=true&timeout=60001",
    400,
    "Timeout must be number of milliseconds up to 60000.",
  ],
  ["POST /api/v1/namespaces/_/actions/is?timeout=0", 400, "Timeout must be number of milliseconds up to 60000."],
  [
    "POST /api/v1/namespaces/_/actions/is",
    413,
    "Request larger than allowed: 1048577 > 1048576 bytes.",
    `"${"x".repeat(1024 * 1024 - 1)}"`,
  ],
  ["POST /api/v1/namespaces/_/actions/is", 429, "Too many concurrent requests in flight (count: 8, allowed: 7)."],
  ["POST /api/v1/namespaces/_/actions/is?blocking=true", 503, "System is overloaded, try again later."],
];

for (const [request, status, error, body] of refusals) {
  test(`${status} ${request.slice(0, 80)} ${body?.slice(0, 60) ?? ""}`, async () => {
    await put("actions/is", action);
    const [method = "", target = ""] = request.split(" ");
    const answer = await call({ method, target, ...(body === undefined ? {} : { body }) });
    const said = JSON.parse(answer.body) as { error: string; code: string };
    assert.deepEqual([answer.status, said.error], [status, error]);
    assert.equal(said.code, answer.header("x-request-id"));
  });
}

test("another content type is refused, but for a call without a body", async () => {
  await put("actions/is", action);
  const headers = ["authorization", authorization, "content-type", "text/plain"];
  const wrong = await ask(openWhiskManagement(context), { method: "PUT", target: at("actions/a"), headers, body: "{}" });
  const text = "The request's Content-Type [text/plain] is not supported. Expected:\napplication/json";
  assert.deepEqual([wrong.status, (JSON.parse(wrong.body) as { error: string }).error], [415, text]);
  assert.equal(
    (await ask(openWhiskInvoke(context), { method: "POST", target: at("actions/is"), headers, body: "x" })).status,
    415,
  );
  assert.equal((await ask(openWhiskInvoke(context), { method: "POST", target: at("actions/is"), headers })).status, 429);
});

test("an overloaded server names what there is too little of", async () => {
  await put("actions/is", action);
  const answer = await call({ method: "POST", target: at("actions/is?blocking=true") });
  assert.deepEqual([answer.status, answer.header("kiln-limit"), answer.header("retry-after")], [503, "memory", "1"]);
});

async function list(query: string): Promise<unknown> {
  return JSON.parse((await call({ target: at(`actions${query}`) })).body) as unknown;
}

async function names(query: string): Promise<string[]> {
  return ((await list(query)) as { name: string }[]).map(({ name }) => name);
}

test("lists are summaries, the last changed first, counted and skipped through", async () => {
  for (const name of ["a", "b", "c"]) await put(`actions/${name}`, action);
  await new Promise((resolve) => setTimeout(resolve, 2));
  await put("actions/a?overwrite=true", { publish: true });
  assert.equal((await names(""))[0], "a");
  assert.equal((await names("?limit=2")).length, 2);
  assert.deepEqual(await names("?skip=3"), []);
  assert.deepEqual(await list("?count=true&skip=1"), { actions: 2 });
  const [first] = (await list("?limit=1")) as Record<string, unknown>[];
  assert.deepEqual(Object.keys(first ?? {}).toSorted(), [
    "annotations",
    "exec",
    "limits",
    "name",
    "namespace",
    "publish",
    "updated",
    "version",
  ]);
  assert.deepEqual([first?.["exec"], first?.["publish"], first?.["version"]], [{ binary: false }, true, "0.0.2"]);
});

test("versions, annotations and code", async () => {
  const made = await put("actions/v", {
    ...action,
    version: "1.2.3",
    annotations: [
      { key: "exec", value: "mine" },
      { key: "k", value: 1.5 },
    ],
  });
  assert.equal(made["version"], "1.2.3");
  assert.deepEqual(made["annotations"], [
    { key: "provide-api-key", value: false },
    { key: "k", value: 1.5 },
    { key: "exec", value: "nodejs:24" },
  ]);
  const changed = await put("actions/v?overwrite=true", { delAnnotations: ["k"], limits: { memory: 128, logs: 5 } });
  assert.equal(changed["version"], "1.2.4");
  assert.deepEqual(changed["limits"], { timeout: 60_000, memory: 128, logs: 5, concurrency: 1 });
  assert.deepEqual(changed["annotations"], [
    { key: "provide-api-key", value: false },
    { key: "exec", value: "nodejs:24" },
  ]);
  const without = JSON.parse((await call({ target: at("actions/v?code=false") })).body) as { exec: object };
  assert.deepEqual(without.exec, { kind: "nodejs:24", binary: false });
  const exists = await call({ method: "PUT", target: at("actions/v"), body: JSON.stringify(action) });
  assert.deepEqual([exists.status, (JSON.parse(exists.body) as { error: string }).error], [409, "resource already exists"]);
});

test("a package is none of the actions", async () => {
  const now = 1;
  const app = { id: world.newId(), namespace: "guest", name: "pkg", config: {}, annotations: {}, syslogUrl: null, shape: "" };
  await context.store.apps.create({ ...app, revision: 1, createdAt: now, updatedAt: now });
  const text = "Resource by this name exists but is not in this collection.";
  for (const method of ["GET", "PUT", "DELETE"]) {
    const answer = await call({ method, target: at("actions/pkg"), body: method === "PUT" ? JSON.stringify(action) : "" });
    assert.deepEqual([answer.status, (JSON.parse(answer.body) as { error: string }).error], [409, text], method);
  }
  const inside = await put("actions/pkg/a", action);
  assert.equal(inside["namespace"], "guest/pkg");
  const listed = JSON.parse((await call({ target: at("actions/pkg/") })).body) as { name: string }[];
  assert.deepEqual(
    listed.map(({ name }) => name),
    ["a"],
  );
});
