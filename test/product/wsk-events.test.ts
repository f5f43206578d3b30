/** Packages, triggers and rules as OpenWhisk's own client for Node uses them, between two namespaces and across doors. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { until } from "../assembled-invocation.ts";
import { call, put, recordOf, send } from "../client.ts";
import { npmKit } from "../kits.ts";
import { type Platform, startPlatform } from "../platform.ts";

// biome-ignore lint/suspicious/noExplicitAny: what comes back is what tests are about.
type Entity = any;
type Verb = "create" | "update" | "get" | "list" | "delete" | "invoke" | "enable" | "disable" | "logs";
type Noun = "actions" | "activations" | "packages" | "triggers" | "rules" | "feeds";
/** Of the client, what is used here. */
type Client = Readonly<Record<Noun, Readonly<Record<Verb, (options?: string | object) => Promise<Entity>>>>>;

let platform: Platform;
let guest: Client;
let other: Client;

before(async () => {
  const kit = await npmKit(["openwhisk@3.21.9"]);
  const openwhisk = createRequire(join(kit, "package.json"))("openwhisk") as (options: object) => Client;
  platform = await startPlatform();
  const made = await call(`${platform.url}/kiln/v1/namespaces`, { name: "other" });
  assert.equal(made.status, 201, made.text);
  guest = openwhisk({ apihost: platform.url, api_key: platform.auth });
  other = openwhisk({ apihost: platform.url, api_key: String(made.json["auth"]) });
});

after(async () => {
  assert.equal(await platform?.stop(), 0);
});

const says = `let calls = 0;
function main(given) {
  const { __OW_NAMESPACE: namespace, __OW_ACTION_NAME: action } = process.env;
  return { given, namespace, action, calls: ++calls };
}`;

/** Status and text of a refusal. */
async function refusal(promise: Promise<unknown>): Promise<readonly [number, string]> {
  try {
    await promise;
  } catch (error) {
    const { statusCode, error: body } = error as { statusCode: number; error: { error: string } };
    return [statusCode, body.error];
  }
  throw new Error("It was not refused");
}

const annotation = ({ annotations }: Entity, key: string): unknown =>
  annotations.find((each: { key: string }) => each.key === key)?.value;

test("a package is made, shared, bound, read and called, with the parameters of each level", async () => {
  const made = await guest.packages.create({ name: "tools", package: { parameters: [{ key: "a", value: 1 }], publish: false } });
  assert.deepEqual([made.namespace, made.name, made.version, made.publish, made.binding], ["guest", "tools", "0.0.1", false, {}]);
  await guest.actions.create({ name: "tools/says", action: says, params: { c: "action" } });
  await guest.actions.create({ name: "tools/source", action: says, annotations: { feed: true } });
  const read = await guest.packages.get("tools");
  assert.deepEqual(read.actions, [{ name: "says", version: "0.0.1", annotations: [{ key: "provide-api-key", value: false }] }]);
  assert.deepEqual(
    read.feeds.map(({ name }: Entity) => name),
    ["source"],
  );

  const secret = [403, "The supplied authentication is not authorized to access 'guest/tools'."];
  assert.deepEqual(await refusal(other.packages.get({ name: "/guest/tools" })), secret);
  assert.deepEqual(await refusal(other.actions.get({ name: "/guest/tools/says" })), secret);
  assert.deepEqual(await refusal(other.actions.invoke({ name: "/guest/tools/says", blocking: true })), secret);
  const bound = { name: "mine", package: { binding: { namespace: "guest", name: "tools" } } };
  assert.deepEqual(await refusal(other.packages.update(bound)), secret);

  await guest.packages.update({
    name: "tools",
    package: { publish: true, parameters: [1, 2, 3].map((value) => ({ key: "abc"[value - 1], value })) },
  });
  const binding = await other.packages.update({
    ...bound,
    package: { ...bound.package, parameters: [{ key: "b", value: "binding" }] },
  });
  assert.deepEqual(binding.binding, { namespace: "guest", name: "tools" });
  assert.deepEqual(annotation(binding, "binding"), { namespace: "guest", name: "tools" });
  const merged = (await other.actions.get("mine/says")).parameters.map(({ key, value }: Entity) => [key, value]);
  assert.deepEqual(Object.fromEntries(merged), { a: 1, b: "binding", c: "action" });
  assert.deepEqual((await other.packages.get("mine")).actions[0]?.name, "says");
  assert.deepEqual(
    (await other.packages.list({ namespace: "guest" })).map(({ name }: Entity) => name),
    ["tools"],
  );
  assert.deepEqual(
    (await other.packages.list()).map(({ name, binding: shown }: Entity) => [name, shown.name]),
    [["mine", "tools"]],
  );
});

test("what another namespace shares runs in that of who calls it, in a sandbox of its own, and so is its record", async () => {
  const own: Entity = await guest.actions.invoke({ name: "tools/says", blocking: true, params: { d: 4 } });
  assert.deepEqual(own.response.result.given, { a: 1, b: 2, c: "action", d: 4 });
  for (const [name, b] of [
    ["/guest/tools/says", 2],
    ["mine/says", "binding"],
  ] as const) {
    for (const calls of [1, 2]) {
      const record: Entity = await other.actions.invoke({ name, blocking: true });
      assert.deepEqual(
        record.response.result,
        { given: { a: 1, b, c: "action" }, namespace: "other", action: "/guest/tools/says", calls },
        name,
      );
      assert.deepEqual([record.namespace, record.subject], ["other", "other"]);
      assert.equal(annotation(record, "path"), "guest/tools/says");
      assert.equal(annotation(record, "binding"), name === "mine/says" ? "other/mine" : undefined);
      assert.equal(annotation(record, "kind"), "nodejs:24");
      const { logs: _logs, ...stored } = await other.activations.get(record.activationId);
      const { logs: _none, ...answered } = record;
      assert.deepEqual(stored, answered);
      assert.equal((await refusal(guest.activations.get(record.activationId)))[0], 404);
    }
  }
  const later = await other.actions.invoke({ name: "mine/says", params: { e: 5 } });
  const { activationId } = later as Entity;
  const ended = await until(() => other.activations.get(activationId).catch(() => undefined));
  assert.deepEqual(ended.response.result.given, { a: 1, b: "binding", c: "action", e: 5 });
  assert.equal(annotation(ended, "binding"), "other/mine");
  assert.equal((await other.activations.list({ name: "mine/says" })).length, 5);
  // The first one is still guest's alone.
  const again: Entity = await guest.actions.invoke({ name: "tools/says", blocking: true });
  assert.equal(again.response.result.calls, 2);
});

test("changes of a package are there at the next call, in every namespace; without rights nothing is", async () => {
  const given = async () => ((await other.actions.invoke({ name: "mine/says", blocking: true, result: true })) as Entity).given;
  await guest.packages.update({ name: "tools", package: { parameters: [{ key: "a", value: "new" }] } });
  assert.deepEqual(await given(), { a: "new", b: "binding", c: "action" });
  await other.packages.update({
    name: "mine",
    package: {
      parameters: [
        { key: "c", value: 0 },
        { key: "f", value: 6 },
      ],
    },
  });
  assert.deepEqual(await given(), { a: "new", c: "action", f: 6 });
  await guest.actions.update({ name: "tools/says", action: says, params: {} });
  assert.deepEqual(await given(), { a: "new", c: 0, f: 6 });
  await guest.packages.update({ name: "tools", package: { publish: false } });
  assert.deepEqual(await refusal(given()), [403, "The supplied authentication is not authorized to access 'other/mine'."]);
  await guest.packages.update({ name: "tools", package: { publish: true } });
  assert.deepEqual(await given(), { a: "new", c: 0, f: 6 });
  const inBinding = [400, "Operation not permitted on package binding."];
  assert.deepEqual(await refusal(other.actions.update({ name: "mine/x", action: says })), inBinding);
  assert.deepEqual(await refusal(other.actions.delete("mine/says")), inBinding);
  assert.equal((await refusal(other.actions.update({ name: "/guest/tools/says", action: says })))[0], 403);
  const full = await refusal(guest.packages.delete("tools"));
  assert.deepEqual(full, [409, "Package not empty (contains 2 entities). Set force param or delete package contents."]);
});

test("other doors list a binding as an app, call through it, and put nothing into it", async () => {
  await guest.packages.update({ name: "alias", package: { binding: { namespace: "guest", name: "tools" } } });
  const { items } = (await send("GET", `${platform.url}/v2/apps`)).json as { items: { id: string; name: string }[] };
  const alias = items.find(({ name }) => name === "alias");
  assert.ok(alias !== undefined && items.some(({ name }) => name === "tools"));
  const fns = await send("GET", `${platform.url}/v2/fns?app_id=${alias.id}`);
  assert.deepEqual(fns.json["items"], []);
  const made = await call(`${platform.url}/v2/fns`, { app_id: alias.id, name: "x", image: "example/x" });
  assert.equal(made.status, 400, made.text);
  const base = `${platform.url}/kiln/v1/namespaces/guest/apps`;
  const called = await call(`${base}/alias/functions/says/invoke`, { g: 7 });
  assert.deepEqual(called.json["given"], { a: "new", g: 7 });
  const changed = await put(`${base}/alias`, { config: { FROM: "there" } });
  assert.deepEqual(changed["binding"], { namespace: "guest", name: "tools" });
  assert.deepEqual((await guest.packages.get("alias")).binding, { namespace: "guest", name: "tools" });
  assert.equal((await send("DELETE", `${base}/alias`)).status, 204);
  assert.equal((await guest.packages.get("tools")).actions.length, 1);
});

test("a trigger fires its active rules, and its activation says what became of each", async () => {
  await guest.actions.create({ name: "heard", action: says });
  const trigger = await guest.triggers.create({
    name: "news",
    trigger: {
      parameters: [
        { key: "p", value: 1 },
        { key: "q", value: 1 },
      ],
    },
  });
  assert.deepEqual([trigger.name, trigger.version, trigger.limits, trigger.rules], ["news", "0.0.1", {}, undefined]);
  for (const [name, action] of [
    ["plain", "heard"],
    ["packed", "/guest/tools/says"],
    ["off", "heard"],
    ["broken", "tools/source"],
  ] as const) {
    const rule = await guest.rules.create({ name, trigger: "news", action });
    assert.deepEqual([rule.status, rule.trigger], ["active", { path: "guest", name: "news" }]);
  }
  await guest.rules.disable({ name: "off" });
  await guest.actions.delete("tools/source");
  assert.equal((await guest.rules.get("off")).status, "inactive");
  assert.deepEqual((await guest.triggers.get("news")).rules["guest/off"], {
    action: { path: "guest", name: "heard" },
    status: "inactive",
  });

  const { activationId } = await guest.triggers.invoke({ name: "news", params: { q: 2.5, r: [3] } });
  const record = await guest.activations.get(activationId);
  assert.deepEqual([record.name, record.annotations, record.end, record.duration], ["news", [], undefined, undefined]);
  assert.deepEqual(record.response.result, { q: 2.5, r: [3] });
  assert.deepEqual((await guest.activations.logs(activationId)).logs, record.logs);
  const lines = record.logs.map((line: string) => JSON.parse(line));
  const ids = lines.slice(0, 2).map((line: Entity) => line.activationId);
  assert.deepEqual(lines, [
    { rule: "guest/plain", action: "guest/heard", statusCode: 0, success: true, activationId: ids[0] },
    { rule: "guest/packed", action: "guest/tools/says", statusCode: 0, success: true, activationId: ids[1] },
    {
      rule: "guest/off",
      action: "guest/heard",
      statusCode: 1,
      success: false,
      error: "Rule 'guest/off' is inactive, action 'guest/heard' was not activated.",
    },
    {
      rule: "guest/broken",
      action: "guest/tools/source",
      statusCode: 1,
      success: false,
      error: "The requested resource does not exist.",
    },
  ]);
  const [heard, packed] = await Promise.all(
    ids.map((id: string) => until(() => guest.activations.get(id).catch(() => undefined))),
  );
  const { __ow_headers: headers, ...given } = heard.response.result.given;
  assert.deepEqual(given, { p: 1, q: 2.5, r: [3] });
  assert.equal(headers.host, new URL(platform.url).host);
  assert.equal(headers.authorization, undefined);
  assert.equal(packed.response.result.given.a, "new");
  assert.equal(packed.cause, undefined);
  assert.equal((await guest.activations.list({ name: "news" })).length, 1);
});

test("rules outlive their trigger and their action, and a new trigger is another one", async () => {
  await guest.triggers.delete("news");
  assert.equal((await guest.rules.get("plain")).status, "inactive");
  await guest.rules.disable({ name: "plain" });
  const alone = [404, "Only rules with existing triggers can be activated"];
  assert.deepEqual(await refusal(guest.rules.enable({ name: "plain" })), alone);
  await guest.triggers.create({ name: "news" });
  assert.equal((await guest.rules.get("plain")).status, "inactive");
  // 204: there is no active rule.
  assert.equal(await guest.triggers.invoke({ name: "news" }).then((answer) => answer.activationId), undefined);
  await guest.rules.enable({ name: "plain" });
  assert.deepEqual([(await guest.rules.get("plain")).status, (await guest.rules.get("plain")).version], ["active", "0.0.1"]);
  await guest.actions.delete("heard");
  const { activationId } = await guest.triggers.invoke({ name: "news" });
  const { logs } = await guest.activations.logs(activationId);
  assert.equal(JSON.parse(logs[0]).error, "The requested resource does not exist.");
  await guest.rules.update({ name: "plain", trigger: "news", action: "tools/says" });
  assert.equal((await guest.rules.delete("plain")).status, "inactive");
  const names = (await guest.rules.list()).map(({ name }: Entity) => name);
  assert.deepEqual(names.toSorted(), ["broken", "off", "packed"]);
});

test("a feed is any action that has the protocol of feeds", async () => {
  const feed = `const kept = {};
function main({ lifecycleEvent, triggerName, authKey, cron }) {
  if (lifecycleEvent === "CREATE") kept[triggerName] = cron;
  return lifecycleEvent === "READ" || lifecycleEvent === "CREATE" ? { config: kept[triggerName], hasKey: authKey !== undefined } : {};
}`;
  await guest.actions.create({ name: "tools/ticks", action: feed, annotations: { feed: true } });
  await guest.triggers.create({ name: "tick", annotations: { feed: "/_/tools/ticks" } });
  const params = { cron: "* * * * *" };
  const made = await guest.feeds.create({ feedName: "tools/ticks", trigger: "tick", params });
  assert.deepEqual(made.response.result, { config: "* * * * *", hasKey: true });
  const read = (await guest.feeds.get({ feedName: "tools/ticks", trigger: "tick" })) as Entity;
  assert.equal(read.response.result.config, "* * * * *");
  await guest.feeds.delete({ feedName: "tools/ticks", trigger: "tick" });
  const bad = { name: "bad", annotations: { feed: "not/a valid/ name" } };
  assert.deepEqual(await refusal(guest.triggers.create(bad)), [400, "Feed name is not valid"]);
});

const echo = `const http = require("node:http"), fs = require("node:fs");
const path = process.env.FN_LISTENER.slice("unix:".length);
const server = http.createServer((request, response) => {
  response.writeHead(200, { "content-type": request.headers["content-type"] ?? "none/none" });
  request.pipe(response);
});
server.listen(path + ".own", () => { fs.chmodSync(path + ".own", 0o666); fs.symlinkSync("lsnr.sock.own", path); });
`;

const anyBytes = Buffer.from(Array.from({ length: 300 }, (_, index) => index % 256));
const broken = Buffer.from([0xf0, 0x9f, 0x98]);

/** Events as they are; a function of Fn's answers what it is sent. */
const events: readonly (readonly [type: string, body: Buffer])[] = [
  ["application/json", Buffer.from('{"n":1.50,  "big":12345678901234567890,\\n"n":2}'.replace("\\n", "\n"))],
  ["application/json", Buffer.from("[1.0,2]")],
  ["text/plain; charset=latin1", Buffer.from([0x66, 0xfc, 0x72])],
  ["application/octet-stream", anyBytes],
  ["text/plain", Buffer.from("für")],
  ["text/plain", broken],
  ["application/x-none", Buffer.alloc(0)],
];

/** The same, as actions get them: what is no text is in base64. */
const asParameters: readonly unknown[] = [
  { n: 2, big: Number("12345678901234567890") },
  [1, 2],
  { __ow_body: Buffer.from([0x66, 0xfc, 0x72]).toString("base64") },
  { __ow_body: anyBytes.toString("base64") },
  { __ow_body: "für" },
  { __ow_body: broken.toString("base64") },
  {},
];

/** What the function answers to an event. */
async function echoed(base: string, body: Buffer | string, type: string): Promise<readonly [type: string, body: Buffer]> {
  const fired = await send("POST", `${base}/triggers/raw/fire`, body, { "content-type": type });
  assert.equal(fired.status, 202, fired.text);
  assert.equal((await recordOf(platform.url, fired.activationId)).activated, "trigger");
  const { items } = (await send("GET", `${base}/activations/${fired.activationId}/logs`)).json as { items: { text: string }[] };
  const { activationId } = JSON.parse(items[0]?.text ?? "") as { activationId: string };
  const answer = await until(async () => {
    const response = await send("GET", `${base}/activations/${activationId}/result`);
    return response.status === 200 ? response.json : undefined;
  });
  assert.equal((await recordOf(platform.url, activationId)).status, "success");
  return [String(answer["contentType"]), Buffer.from(String(answer["body"]), answer["encoding"] as BufferEncoding)];
}

test("events of every shape reach a function of Fn's byte for byte, and an action whole", async () => {
  const settings = { protocol: "http-stream", command: ["node", "func.js"] };
  await platform.deploy({ name: "echo", app: "fns", file: ["func.js", echo], settings });
  await guest.triggers.create({ name: "raw" });
  await guest.rules.create({ name: "echoes", trigger: "raw", action: "fns/echo" });
  const base = `${platform.url}/kiln/v1/namespaces/guest`;
  for (const [type, body] of events) assert.deepEqual(await echoed(base, body, type), [type, body]);
  await guest.actions.create({ name: "given", action: "function main(given) { return { given }; }" });
  await guest.rules.update({ name: "echoes", trigger: "raw", action: "given" });
  for (const [index, [type, body]] of events.entries()) {
    const [, answer] = await echoed(base, body, type);
    assert.deepEqual(JSON.parse(answer.toString()), { given: asParameters[index] }, type);
  }
  await guest.rules.update({ name: "echoes", trigger: "raw", action: "fns/echo" });
  const merged = { parameters: [{ key: "p", value: 1 }] };
  await guest.triggers.update({ name: "raw", trigger: merged });
  for (const [body, expected] of [
    ["[1.0]", "[1.0]"],
    ['{"n":1.50}', '{"p":1,"n":1.50}'],
    ['{"p":2}', '{"p":2}'],
  ] as const) {
    assert.equal((await echoed(base, body, "application/json"))[1].toString(), expected);
  }
  assert.equal((await send("POST", `${base}/triggers/none/fire`, "x")).status, 404);
  assert.equal((await send("POST", `${base}/triggers/raw/fire`, Buffer.alloc(1024 * 1024 + 1))).status, 413);
});

test("a trigger with 100 rules: 100 activations", { timeout: 120_000 }, async () => {
  await guest.actions.create({ name: "counted", action: "function main() { return {}; }", limits: { concurrency: 50 } });
  await guest.triggers.create({ name: "many" });
  const names = Array.from({ length: 100 }, (_, index) => `many${index}`);
  for (const name of names) await guest.rules.create({ name, trigger: "many", action: "counted" });
  const { activationId } = await guest.triggers.invoke({ name: "many" });
  const { logs } = await guest.activations.logs(activationId);
  const ids = new Set(logs.map((line: string) => JSON.parse(line).activationId));
  assert.equal(ids.size, 100);
  await until(async () => ((await guest.activations.list({ name: "counted", limit: 200 })).length === 100 ? true : undefined));
});
