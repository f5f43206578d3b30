/** OpenWhisk's own client for Node, against a running platform. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makeZip } from "../archives.ts";
import { npmKit } from "../kits.ts";
import { type Platform, startPlatform } from "../platform.ts";

/** Of the client, what is used here. */
interface Client {
  readonly actions: {
    create(options: object): Promise<Action>;
    update(options: object): Promise<Action>;
    get(options: object): Promise<Action>;
    list(options?: object): Promise<Action[]>;
    invoke(options: object): Promise<never>;
    delete(options: object): Promise<Action>;
  };
  readonly activations: {
    list(options?: object): Promise<Activation[]>;
    get(options: object): Promise<Activation>;
    logs(options: object): Promise<{ logs: string[] }>;
    result(options: object): Promise<Activation["response"]>;
  };
  readonly namespaces: { list(): Promise<string[]> };
}

interface Action {
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly publish: boolean;
  readonly exec: { kind: string; code?: string; main?: string; binary: boolean };
  readonly annotations: readonly { key: string; value: unknown }[];
  readonly parameters: readonly { key: string; value: unknown; init?: boolean }[];
  readonly limits: Record<string, number>;
  readonly updated: number;
}

interface Activation {
  readonly activationId: string;
  readonly name: string;
  readonly version: string;
  readonly namespace: string;
  readonly subject: string;
  readonly start: number;
  readonly end: number;
  readonly duration: number;
  readonly statusCode?: number;
  readonly response: { status: string; success: boolean; result: Record<string, unknown>; size: number };
  readonly logs: readonly string[];
  readonly annotations: readonly { key: string; value: unknown }[];
}

interface Rejection {
  readonly statusCode: number;
  readonly error: { error?: string; code?: string; response?: Activation["response"]; activationId?: string };
}

let platform: Platform;
let client: Client;

before(async () => {
  const kit = await npmKit(["openwhisk@3.21.9"]);
  const openwhisk = createRequire(join(kit, "package.json"))("openwhisk") as (options: object) => Client;
  platform = await startPlatform();
  client = openwhisk({ apihost: platform.url, api_key: platform.auth });
});

after(() => platform?.stop());

const annotation = ({ annotations }: Pick<Activation, "annotations">, key: string): unknown =>
  annotations.find((each) => each.key === key)?.value;

async function rejection(promise: Promise<unknown>): Promise<Rejection> {
  try {
    await promise;
  } catch (error) {
    return error as Rejection;
  }
  throw new Error("It was not refused");
}

/** What was printed arrives a moment after the call. */
async function logsOf(name: string, count: number): Promise<string[]> {
  for (let attempt = 0; ; attempt++) {
    const { logs } = await client.activations.logs({ name });
    if (logs.length >= count || attempt > 200) return logs;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

const hello = `function main({ name = "stranger" }) {
  console.log("greeting", name);
  console.error("done");
  return { greeting: "Hello, " + name + "!" };
}`;

test("an action is made, called, changed, and its activation read", async () => {
  const made = await client.actions.create({ name: "hello", action: hello });
  assert.deepEqual([made.namespace, made.name, made.version, made.publish], ["guest", "hello", "0.0.1", false]);
  assert.deepEqual(made.exec, { kind: "nodejs:24", code: hello, binary: false });
  assert.deepEqual(made.limits, { timeout: 60_000, memory: 256, logs: 10, concurrency: 1 });
  assert.equal(annotation(made, "exec"), "nodejs:24");
  assert.equal(annotation(made, "provide-api-key"), false);

  const activation: Activation = await client.actions.invoke({ name: "hello", blocking: true, params: { name: "you" } });
  assert.deepEqual(activation.response.result, { greeting: "Hello, you!" });
  assert.deepEqual([activation.response.status, activation.response.success], ["success", true]);
  assert.deepEqual([activation.name, activation.namespace, activation.version], ["hello", "guest", "0.0.1"]);
  assert.deepEqual(activation.logs, []);
  assert.match(activation.activationId, /^[0-9a-f]{32}$/);

  const name = activation.activationId;
  const lines = await logsOf(name, 2);
  assert.match(lines[0] ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z stdout: greeting you$/);
  assert.match(lines[1] ?? "", / stderr: done$/);
  const read = await client.activations.get({ name });
  assert.deepEqual({ ...read, logs: [] }, activation);
  assert.deepEqual(read.logs, lines);
  assert.deepEqual(await client.activations.result({ name }), activation.response);
  assert.equal(annotation(read, "path"), "guest/hello");
  assert.equal(annotation(read, "kind"), "nodejs:24");
  assert.deepEqual(annotation(read, "limits"), made.limits);
  assert.equal(typeof annotation(read, "initTime"), "number");

  assert.deepEqual(await client.actions.invoke({ name: "hello", blocking: true, result: true }), {
    greeting: "Hello, stranger!",
  });
  const [newest, first] = await client.activations.list({ name: "hello" });
  assert.deepEqual([newest?.statusCode, first?.activationId, first?.statusCode], [0, name, 0]);
  assert.deepEqual(await client.namespaces.list(), ["guest"]);
});

test("versions rise, what a change leaves out stays, annotations are merged and parameters replaced", async () => {
  const base = {
    name: "changing",
    action: "exports.main = (p) => p",
    params: { a: 1, b: "x" },
    annotations: { note: { deep: [1] } },
  };
  await client.actions.create(base);
  const changed = await client.actions.update({ name: "changing", action: base.action, annotations: { other: true } });
  assert.equal(changed.version, "0.0.2");
  assert.deepEqual(annotation(changed, "note"), { deep: [1] });
  assert.equal(annotation(changed, "other"), true);
  assert.deepEqual(changed.parameters, [
    { key: "a", value: 1 },
    { key: "b", value: "x" },
  ]);
  assert.deepEqual(await client.actions.invoke({ name: "changing", blocking: true, result: true, params: { b: "y" } }), {
    a: 1,
    b: "y",
  });
  const twice = await rejection(client.actions.create(base));
  assert.deepEqual([twice.statusCode, twice.error.error], [409, "resource already exists"]);
  assert.match(twice.error.code ?? "", /^[0-9A-Za-z]{32}$/);
  await client.actions.delete({ name: "changing" });
  const gone = await rejection(client.actions.get({ name: "changing" }));
  assert.deepEqual([gone.statusCode, gone.error.error], [404, "The requested resource does not exist."]);
});

const zip = makeZip([
  { name: "package.json", data: '{"main":"lib/start.js"}' },
  { name: "lib/start.js", data: 'exports.run = async () => ({ from: require("./part.js") });' },
  { name: "lib/part.js", data: 'module.exports = "a part";' },
]);

const python = `import os, sys
def main(args):
    print("env", os.environ["__OW_ACTION_NAME"])
    if args.get("fail"): raise ValueError("no " + args["fail"])
    return {"sum": args.get("a", 0) + args.get("b", 0), "id": os.environ["__OW_ACTIVATION_ID"]}
`;

test("archives, a main of another name, and Python", async () => {
  const made = await client.actions.create({ name: "zipped", action: zip, exec: undefined, kind: "nodejs:default", main: "run" });
  assert.equal(made.exec.kind, "nodejs:24");
  const exec = { kind: "nodejs:default", code: zip.toString("base64"), main: "run" };
  const updated = await client.actions.update({ name: "zipped", action: { exec } });
  assert.deepEqual([updated.exec.binary, updated.exec.main, updated.exec.code], [true, "run", zip.toString("base64")]);
  assert.deepEqual(await client.actions.invoke({ name: "zipped", blocking: true, result: true }), { from: "a part" });

  await client.actions.create({ name: "sums", action: python, kind: "python:default", params: { a: 1 } });
  const activation: Activation = await client.actions.invoke({ name: "sums", blocking: true, params: { b: 2 } });
  assert.deepEqual(activation.response.result, { sum: 3, id: activation.activationId });
  assert.match((await logsOf(activation.activationId, 1))[0] ?? "", /stdout: env \/guest\/sums$/);
  const failed = await rejection(client.actions.invoke({ name: "sums", blocking: true, params: { fail: "way" } }));
  assert.deepEqual([failed.statusCode, failed.error.response?.status], [502, "application error"]);
  assert.deepEqual(failed.error.response?.result, { error: "no way" });
});

const failures: readonly (readonly [body: string, status: string, error: unknown, timeoutMs?: number])[] = [
  ["return { error: { reason: 7 }, more: 1 }", "application error", { reason: 7 }],
  ["return Promise.reject('no')", "application error", "no"],
  ["throw new Error('boom')", "action developer error", "An error has occurred: Error: boom"],
  ["return 'text'", "action developer error", "The action did not return a dictionary or array."],
  ["process.exit(1)", "action developer error", "The action did not produce a valid response and exited unexpectedly."],
  ["return new Promise(() => {})", "action developer error", "The action exceeded its time limits of 500 milliseconds.", 500],
  [
    "return { text: 'x'.repeat(2 * 1024 * 1024) }",
    "application error",
    /^The action produced a response that exceeded the allowed length: 2097163 > 1048576 bytes\. The truncated response was: /,
  ],
];

for (const [body, status, error, timeout = 60_000] of failures) {
  test(`a call that ends with ${status}: ${body}`, async () => {
    await client.actions.update({
      name: "fails",
      action: { exec: { kind: "nodejs:24", code: `function main() { ${body} }` }, limits: { timeout } },
    });
    const { statusCode, error: said } = await rejection(client.actions.invoke({ name: "fails", blocking: true }));
    assert.deepEqual([statusCode, said.response?.status, said.response?.success], [502, status, false]);
    const { activationId: name = "" } = said;
    const read = await client.activations.get({ name });
    const shown = read.response.result["error"];
    if (error instanceof RegExp) assert.match(String(shown), error);
    else assert.deepEqual(read.response.result, { error });
    const [listed] = await client.activations.list({ name: "fails", limit: 1 });
    assert.deepEqual([listed?.activationId, listed?.statusCode], [name, status === "application error" ? 1 : 2]);
  });
}

test("code that cannot be loaded is told, with its reason", async () => {
  await client.actions.create({ name: "broken", action: "const main = ( => 1" });
  const { error } = await rejection(client.actions.invoke({ name: "broken", blocking: true }));
  assert.equal(error.response?.status, "action developer error");
  assert.match(String(error.response?.result["error"]), /^Initialization has failed due to: /);
});

test("a call that nobody waits for, and one that outlasts its wait, end with their records", async () => {
  const code = "function main({ ms = 0 }) { return new Promise((done) => setTimeout(() => done({ slept: ms }), ms)); }";
  await client.actions.create({ name: "sleeps", action: code });
  const started: { activationId: string } = await client.actions.invoke({ name: "sleeps", params: { ms: 1 } });
  assert.deepEqual((await recordOf(started.activationId)).response.result, { slept: 1 });

  const url = `${platform.url}/api/v1/namespaces/_/actions/sleeps?blocking=true&timeout=100`;
  const headers = { authorization: `Basic ${btoa(platform.auth)}`, "content-type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: '{"ms":4000}' });
  const { activationId } = (await answer.json()) as { activationId: string };
  assert.equal(answer.status, 202);
  assert.equal(answer.headers.get("x-openwhisk-activation-id"), activationId);
  const early = await rejection(client.activations.get({ name: activationId }));
  assert.equal(early.statusCode, 404);
  // Our own API has it meanwhile.
  const running = await fetch(`${platform.url}/kiln/v1/namespaces/guest/activations/${activationId}`);
  assert.equal(((await running.json()) as { status: string }).status, "running");
  assert.deepEqual((await recordOf(activationId)).response.result, { slept: 4000 });
});

async function recordOf(name: string): Promise<Activation> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await client.activations.get({ name });
    } catch (error) {
      if ((error as Rejection).statusCode !== 404 || attempt > 400) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

test("of what a call prints as much is kept as the action's limit says, which its log tells", async () => {
  const action = "function main() { for (let i = 0; i < 12000; i++) console.log('x'.repeat(99)); }";
  for (const [name, logs] of [
    ["loud", 1],
    ["silent", 0],
  ] as const) {
    await client.actions.create({ name, action, limits: { logs } });
    const { activationId, annotations }: Activation = await client.actions.invoke({ name, blocking: true });
    assert.equal((annotation({ annotations }, "limits") as { logs: number }).logs, logs);
    const lines = await logsOf(activationId, logs === 0 ? 0 : 10_487);
    const notice = lines.pop()?.replace(/^\S+ /, "");
    const expected = "stderr: Logs were truncated because the total bytes size exceeds the limit of 1048576 bytes.";
    assert.deepEqual([lines.length, notice], logs === 0 ? [0, undefined] : [10_486, expected]);
  }
});

test("parameters: those for the environment, and final ones", async () => {
  const code = "function main(params) { return { params, text: process.env.TEXT, count: process.env.COUNT }; }";
  const parameters = [
    { key: "TEXT", value: "t", init: true },
    { key: "COUNT", value: 5, init: true },
    { key: "fixed", value: 1 },
  ];
  const body = { exec: { kind: "nodejs:default", code }, parameters, annotations: [{ key: "final", value: true }] };
  const made = await client.actions.create({ name: "environment", action: body });
  assert.deepEqual(
    made.parameters.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
    parameters.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
  );
  const result = await client.actions.invoke({ name: "environment", blocking: true, result: true, params: { own: 2 } });
  assert.deepEqual(result, { params: { fixed: 1, own: 2 }, text: "t", count: "5" });
  const refused = await rejection(client.actions.invoke({ name: "environment", blocking: true, params: { fixed: 2 } }));
  assert.deepEqual(
    [refused.statusCode, refused.error.error],
    [400, "Request defines parameters that are not allowed (e.g., reserved properties)."],
  );
});

test("the environment is that of a call, also of several in one sandbox", async () => {
  const code = `async function main({ ms = 0, spawn }) {
    const before = process.env.__OW_ACTIVATION_ID;
    await new Promise((done) => setTimeout(done, ms));
    const child = spawn && require("node:child_process").execFileSync("/bin/sh", ["-c", "echo $__OW_ACTIVATION_ID"]).toString().trim();
    const { __OW_ACTIVATION_ID: id, __OW_DEADLINE: deadline, __OW_NAMESPACE: namespace } = { ...process.env };
    return { same: before === id, id, deadline: Number(deadline) - Date.now() > 1000, namespace, child };
  }`;
  await client.actions.create({
    name: "contexts",
    action: { exec: { kind: "nodejs:24", code }, limits: { concurrency: 8, instances: 1 } },
  });
  const calls = [200, 100, 50, 0].map((ms) => client.actions.invoke({ name: "contexts", blocking: true, params: { ms } }));
  for (const { activationId, response } of (await Promise.all(calls)) as Activation[])
    assert.deepEqual(response.result, { same: true, id: activationId, deadline: true, namespace: "guest" });
  const { activationId, response }: Activation = await client.actions.invoke({
    name: "contexts",
    blocking: true,
    params: { spawn: true },
  });
  assert.equal(response.result["child"], activationId);
});

test("what the framework itself would refuse is refused in OpenWhisk's words", async () => {
  const headers = { authorization: `Basic ${btoa(platform.auth)}`, "content-type": "application/json" };
  const ask = async (method: string, path: string, body?: string) => {
    const answer = await fetch(`${platform.url}/api/v1/${path}`, { method, headers, ...(body !== undefined && { body }) });
    return [answer.status, ((await answer.json()) as { error: string }).error];
  };
  const illegal = [400, "The name of the entity contains illegal characters."];
  assert.deepEqual(await ask("GET", "namespaces/_/actions/%zz"), illegal);
  assert.deepEqual(await ask("POST", "namespaces/_/actions/%zz", "{}"), illegal);
  const code = `//${"x".repeat(48 * 1024 * 1024)}`;
  const large = await ask("PUT", "namespaces/_/actions/large", JSON.stringify({ exec: { kind: "nodejs:default", code } }));
  assert.deepEqual(large, [413, `exec larger than allowed: ${code.length} > ${48 * 1024 * 1024} bytes.`]);
  assert.deepEqual(await ask("PUT", "namespaces/_/actions/larger", "x".repeat(50 * 1024 * 1024 + 1)), [
    413,
    `Request larger than allowed: ${50 * 1024 * 1024 + 1} > ${50 * 1024 * 1024} bytes.`,
  ]);
});

test("an action and a function of another door get what a call says through the other's", async () => {
  const { fnUrl } = await platform.deploy({
    name: "other",
    app: "shop",
    file: ["index.js", "exports.handler = (event) => ({ got: event ?? null });"],
  });
  assert.deepEqual(await client.actions.invoke({ name: "shop/other", blocking: true, result: true, params: { a: 1 } }), {
    got: { a: 1 },
  });
  await client.actions.create({
    name: "shop/priced",
    action: "exports.main = ({ price, times = 2 }) => ({ price: price * times });",
    params: { price: 4 },
  });
  const functions = `${platform.url}/kiln/v1/namespaces/guest/apps/shop/functions/priced`;
  const { id } = (await (await fetch(functions)).json()) as { id: string };
  for (const url of [new URL(`/invoke/${id}`, fnUrl), `${functions}/invoke`]) {
    for (const [body, price] of [
      ["", 8],
      ['{"times":3}', 12],
    ] as const)
      assert.deepEqual(await (await fetch(url, { method: "POST", body })).json(), { price });
  }
});
