/** The packages of `/whisk.system`, as OpenWhisk's own client for Node uses them. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { send } from "../client.ts";
import { npmKit } from "../kits.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { cannotNetwork } from "../security/egress-world.ts";
import { eventually } from "../server-image.ts";

/** Of the client, what is used here. */
interface Client {
  readonly actions: { invoke(options: object): Promise<Record<string, unknown>>; list(options: object): Promise<object[]> };
  readonly packages: { list(options: object): Promise<{ name: string }[]>; update(options: object): Promise<object> };
  readonly triggers: { create(options: object): Promise<object>; get(options: object): Promise<object> };
  readonly rules: { create(options: object): Promise<object>; get(options: object): Promise<object> };
  readonly feeds: Record<"create" | "get" | "update" | "delete", (options: object) => Promise<Record<string, unknown>>>;
  readonly activations: { list(options: object): Promise<{ name: string; activationId: string }[]> };
}

const data = mkdtempSync(join(tmpdir(), "kiln-system-"));
let connect: (options: object) => Client;
let platform: Platform;
let client: Client;

async function begin(): Promise<void> {
  platform = await startPlatform({ data });
  client = connect({ apihost: platform.url, api_key: platform.auth });
}

before(async () => {
  const kit = await npmKit(["openwhisk@3.21.9", "ws@8.18.3"]);
  connect = createRequire(join(kit, "package.json"))("openwhisk") as typeof connect;
  await begin();
});
after(async () => {
  await platform?.stop();
  rmSync(data, { recursive: true, force: true });
});

const invoke = (name: string, params: object) =>
  client.actions.invoke({ name: `/whisk.system/${name}`, params, blocking: true, result: true });

const lines = ["pear", "apple"];
for (const [name, params, expected] of [
  ["utils/echo", { a: [1] }, { a: [1] }],
  ["utils/cat", { lines }, { lines, payload: "pear\napple" }],
  ["utils/split", { payload: "pear\napple" }, { lines, payload: "pear\napple" }],
  ["utils/split", { payload: "a,b", separator: "," }, { lines: ["a", "b"], payload: "a,b" }],
  ["utils/sort", { lines }, { lines: ["apple", "pear"], length: 2 }],
  ["utils/head", { lines, num: 1 }, { lines: ["pear"], num: 1 }],
  ["utils/smash", { $fieldName: "in", a: 1 }, { in: { a: 1 } }],
  ["utils/namespace", {}, { namespace: "guest" }],
  ["samples/greeting", { name: "Ada", place: "London" }, { payload: "Hello, Ada from London!" }],
  ["samples/greeting", { payload: "Cat" }, { payload: "Hello, Cat from somewhere!" }],
  ["samples/wordCount", { payload: "one two three" }, { count: 3 }],
  ["samples/wordCountAsync", { payload: "one two three" }, { count: 3 }],
  ["samples/cat", { lines: [1, 2] }, { lines: [1, 2], payload: "1\n2\n" }],
  ["samples/head", { lines: [1, 2, 3], num: 2 }, { lines: [1, 2], num: 2 }],
  ["samples/head", { lines }, { lines: ["pear"], num: 1 }],
  ["samples/helloWorld", { payload: "Cat" }, {}],
  ["samples/printParams", { z: 4, x: 1, b: 2 }, { params: { b: 2, x: 1, z: 4 } }],
] as const) {
  test(`${name} of ${JSON.stringify(params)}`, async () => assert.deepEqual(await invoke(name, params), expected));
}

test("date and hosturl tell what is so", async () => {
  const { date } = await invoke("utils/date", {});
  assert.ok(Math.abs(Date.parse(String(date)) - Date.now()) < 600_000);
  const { url } = await invoke("utils/hosturl", { path: "page", web: true, ext: ".html" });
  assert.equal(url, `${platform.url}/api/v1/web/guest/default/page.html`);
});

test("samples that call others do, with the caller's key, where sandboxes have a network", { skip: cannotNetwork }, async () => {
  const greeted = await invoke("samples/helloPromises", { name: "Cat", place: "Narrowsburg" });
  assert.deepEqual(greeted, { lines: ["Hello,", "Cat", "from", "Narrowsburg!"] });
  const dated = (await invoke("samples/invoke", {})) as { name?: string; response?: { result: { date: string } } };
  assert.equal(dated.name, "date");
  assert.ok(Date.parse(dated.response?.result.date ?? "") > 0);
  const { activationId } = await invoke("samples/countdown", { n: 2 });
  assert.match(String(activationId), /^[0-9a-f]{32}$/);
  await eventually(async () => assert.equal(await countOf("countdown"), 3));
});

test("everybody reads them and nobody changes them", async () => {
  const names = (await client.packages.list({ namespace: "whisk.system" })).map(({ name }) => name);
  assert.deepEqual(names.toSorted(), ["alarms", "samples", "utils", "websocket"]);
  await assert.rejects(client.packages.update({ name: "/whisk.system/utils", package: { publish: false } }), { statusCode: 403 });
  await client.packages.update({ name: "mine", package: { binding: { namespace: "whisk.system", name: "utils" } } });
  assert.deepEqual(await client.actions.invoke({ name: "mine/echo", params: { a: 1 }, blocking: true, result: true }), { a: 1 });
});

type Json = Readonly<Record<string, unknown>>;

/** What a feed answers to an event of a trigger's life. */
async function feed(event: keyof Client["feeds"], name: string, trigger: string, params: Json = {}): Promise<Json> {
  const { response } = await client.feeds[event]({ name: `/whisk.system/alarms/${name}`, trigger, params });
  return (response as { readonly result: Json }).result;
}

/** A trigger with a feed, and a rule that tells of it. */
async function fedTrigger(trigger: string, name: string, params: Json): Promise<void> {
  await client.triggers.create({
    name: trigger,
    trigger: { annotations: [{ key: "feed", value: `/whisk.system/alarms/${name}` }] },
  });
  await client.rules.create({ name: `rule-${trigger}`, trigger, action: "/whisk.system/utils/echo" });
  assert.deepEqual(await feed("create", name, trigger, params), { status: "success" });
}

async function countOf(name: string): Promise<number> {
  return (await client.activations.list({ limit: 200 })).filter((each) => each.name === name).length;
}

async function moreOf(name: string): Promise<void> {
  const count = await countOf(name);
  await eventually(async () => assert.ok((await countOf(name)) > count));
}

const schedule = (trigger: string) => send("GET", `${platform.url}/kiln/v1/namespaces/guest/triggers/${trigger}/schedule`);

test("an alarm fires its trigger, is told of, is changed and goes", async () => {
  await fedTrigger("tick", "alarm", { cron: "* * * * * *", timezone: "Europe/Berlin", trigger_payload: { n: 1 } });
  await eventually(async () => assert.ok((await countOf("tick")) >= 2));
  await eventually(async () => assert.ok((await countOf("echo")) >= 2, "its rule calls the action"));
  const told = (await feed("get", "alarm", "tick")) as { readonly config: Json; readonly status: Json };
  const { cron, timezone, payload } = told.config;
  assert.deepEqual([cron, timezone, payload, told.status["active"]], ["* * * * * *", "Europe/Berlin", { n: 1 }, true]);
  await feed("update", "alarm", "tick", { cron: "0 0 1 1 *" });
  assert.match(String((await schedule("tick")).json["nextAt"]), /-12-31T23:00:00\.000Z$/);
  await feed("delete", "alarm", "tick");
  assert.equal((await schedule("tick")).status, 404);
});

test("an alarm goes on when the server begins again, also after it was killed", async () => {
  await fedTrigger("lasting", "alarm", { cron: "* * * * * *" });
  for (const end of ["stop", "crash"] as const) {
    await moreOf("lasting");
    await platform[end]();
    await begin();
  }
  await moreOf("lasting");
  await feed("delete", "alarm", "lasting");
});

/** Later than the feed is told of it, the start of its sandbox included. */
const soon = () => Date.now() + 10_000;

test("once fires once, and then its trigger and its rules go, if that was wanted", async () => {
  await fedTrigger("kept", "once", { date: soon() });
  await fedTrigger("gone", "once", { date: new Date(soon()).toISOString(), deleteAfterFire: "rules" });
  await eventually(async () => assert.deepEqual([await countOf("kept"), await countOf("gone")], [1, 1]));
  await eventually(() => assert.rejects(client.triggers.get({ name: "gone" }), { statusCode: 404 }));
  await eventually(() => assert.rejects(client.rules.get({ name: "rule-gone" }), { statusCode: 404 }));
  assert.equal((await schedule("kept")).json["nextAt"], null);
});

test("an interval begins when it is told to", async () => {
  const startDate = soon();
  await fedTrigger("beat", "interval", { minutes: 1, startDate });
  await eventually(async () => assert.equal(await countOf("beat"), 1));
  assert.equal((await schedule("beat")).json["nextAt"], new Date(startDate + 60_000).toISOString());
  await feed("delete", "interval", "beat");
});

for (const [name, params, words] of [
  ["alarm", {}, "alarms trigger feed is missing the cron parameter"],
  ["alarm", { cron: "61 * * * *" }, "cron pattern '61 * * * *' is not valid"],
  ["alarm", { cron: "* * * * *", stopDate: 1000 }, "stopDate parameter '1000' must be in the future"],
  ["alarm", { cron: "* * * * *", startDate: "soon" }, "startDate parameter 'soon' is not a valid Date"],
  ["interval", {}, "interval trigger feed is missing the minutes parameter"],
  ["interval", { minutes: 1.5 }, "the minutes parameter must be an integer"],
  ["interval", { minutes: -1 }, "the minutes parameter must be an integer greater than zero"],
  ["once", {}, "alarms once trigger feed is missing the date parameter"],
  ["once", { date: 9e15, deleteAfterFire: "no" }, "deleteAfterFire parameter must be one of [false, true, rules]."],
] as const) {
  test(`refused by ${name}: ${words}`, async () => {
    await client.triggers.create({ name: "refused" }).catch(() => {});
    await assert.rejects(feed("create", name, "refused", params), (thrown) => {
      const { error } = thrown as { readonly error: { readonly response: { readonly result: Json } } };
      assert.deepEqual(error.response.result, { error: words });
      return true;
    });
  });
}

test("a message reaches a WebSocket", async () => {
  const kit = createRequire(join(await npmKit(["openwhisk@3.21.9", "ws@8.18.3"]), "package.json"));
  const { WebSocketServer } = kit("ws") as { WebSocketServer: new (options: object) => NodeJS.EventEmitter & { close(): void } };
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  const heard = new Promise((resolve) =>
    sockets.once("connection", (socket: NodeJS.EventEmitter) =>
      socket.once("message", (message: Buffer) => resolve(message.toString())),
    ),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    // The program itself: sandboxes do not reach the machine's loopback.
    const { main } = createRequire(import.meta.url)("../../system/websocket/send.js") as { main(params: Json): unknown };
    const uri = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    assert.deepEqual(await main({ uri, payload: "hello" }), { payload: "hello" });
    assert.equal(await heard, "hello");
  } finally {
    sockets.close();
    server.close();
  }
});
