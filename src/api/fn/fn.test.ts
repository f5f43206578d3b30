/** What the dialogues cannot say: other doors' functions, races, credentials, broken bodies, long lists. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { memoryFnContext } from "../../../test/fn-context.ts";
import type { Answer, RequestOptions } from "../../../test/http-harness.ts";
import { ask } from "../../../test/http-harness.ts";
import type { MemoryAnswer } from "../../../test/memory-invoker.ts";
import type { BodySource } from "../../lib/body.ts";
import { realWorld } from "../../lib/world.ts";
import { type ErrorCode, PlatformError } from "../../model/error.ts";
import { deliveryDefaults } from "../../model/fn-defaults.ts";
import type { Activation, Fn } from "../../model/model.ts";
import { memoryStore } from "../../store/memory/store.ts";
import type { Store } from "../../store/store.ts";
import type { FnContext } from "./fn.ts";
import { fnInvoke, fnManagement } from "./fn.ts";

const world = realWorld();
let store: Store;
let context: FnContext;
let changed: string[];
let expected: string[];
let failures: PlatformError[];
let code: () => MemoryAnswer;

beforeEach(async () => {
  store = memoryStore();
  await store.namespaces.create({ id: "n", name: "guest", createdAt: 0 });
  [changed, expected, failures, code] = [[], [], [], () => ({})];
  context = {
    ...memoryFnContext(store, world, () => code()),
    baseUrl: () => "http://fn.test",
    changed: (ids) => changed.push(...ids),
    expect: (fn, app) => expected.push(`${fn.id} ${fn.revision} ${app?.id}`),
    failed: (error) => failures.push(error),
  };
});

/** Members of the answers that the tests look at. */
interface Wire {
  readonly id: string;
  readonly name: string;
  readonly app_id: string;
  readonly image: string;
  readonly memory: number;
  readonly timeout: number;
  readonly idle_timeout: number;
  readonly config: Record<string, string> | null;
  readonly updated_at: string;
  readonly message?: string;
  readonly items: readonly { readonly name: string; readonly source: string }[];
  readonly next_cursor?: string;
}

const call = (options: RequestOptions): Promise<Answer> => ask(fnManagement(context), options);
const json = async (options: RequestOptions) => JSON.parse((await call(options)).body) as Wire;
const create = (noun: string, fields: object) => json({ method: "POST", target: `/v2/${noun}`, body: JSON.stringify(fields) });
const put = (noun: string, id: string, fields: object) =>
  json({ method: "PUT", target: `/v2/${noun}/${id}`, body: JSON.stringify(fields) });
const get = (noun: string, id: string) => json({ target: `/v2/${noun}/${id}` });

/** A function of another door, with settings that Fn could not have given it. */
async function foreignFn(overrides: Partial<Fn> = {}): Promise<Fn> {
  const fn: Fn = {
    id: world.newId(),
    namespace: "guest",
    appId: null,
    name: "ünlike fn/name",
    source: { type: "code", kind: "nodejs:24", digest: "d", handler: "index.handler", command: null },
    protocol: "frames",
    memoryMiB: 10_240,
    timeoutMs: 600_001,
    idleTimeoutMs: 1500,
    concurrency: 10,
    sandboxesMax: 3,
    provisioned: 2,
    keepAlive: "learned",
    isolation: "fresh",
    sandboxAgeMsMax: 60_000,
    egress: ["api.example.com:443"],
    delivery: { ...deliveryDefaults, attemptsMax: 7 },
    traffic: [],
    config: {},
    parameters: { p: 1 },
    annotations: {},
    shape: "",
    revision: 7,
    createdAt: 1,
    updatedAt: 1,
    ...overrides,
  };
  await store.functions.create(fn);
  return fn;
}

test("a code function of another door is shown with its kind and revision and keeps its name", async () => {
  const fn = await foreignFn();
  const shown = await get("fns", fn.id);
  const { name, app_id, image, memory, timeout, idle_timeout } = shown;
  assert.deepEqual(
    { name, app_id, image, memory, timeout, idle_timeout },
    { name: "ünlike fn/name", app_id: "", image: "polykiln/nodejs-24:7", memory: 10_240, timeout: 601, idle_timeout: 2 },
  );
});

test("writing back what was read changes nothing, not even what Fn rounds or would refuse", async () => {
  const fn = await foreignFn();
  const shown = await get("fns", fn.id);
  assert.equal((await put("fns", fn.id, shown)).updated_at, shown.updated_at);
  assert.deepEqual(await store.functions.get("guest", fn.id), fn);
  assert.deepEqual(changed, []);
});

test("a change of settings keeps the code and is a new revision, which the image shows", async () => {
  const fn = await foreignFn();
  const shown = await put("fns", fn.id, { image: "polykiln/nodejs-24:3", config: { a: "1" } });
  assert.equal(shown.image, "polykiln/nodejs-24:8");
  const stored = (await store.functions.get("guest", fn.id)) as Fn;
  assert.ok(stored.updatedAt > 1);
  assert.deepEqual(stored, { ...fn, config: { a: "1" }, revision: 8, updatedAt: stored.updatedAt });
  assert.deepEqual(changed, [fn.id]);
});

for (const image of [
  "registry/image:1",
  "polykiln/nodejs-24:8",
  "polykiln/nodejs-24:0",
  "polykiln/nodejs-24:",
  "polykiln/python-3:7",
]) {
  test(`the image ${image} replaces code by a container`, async () => {
    const fn = await foreignFn();
    assert.equal((await put("fns", fn.id, { image })).image, image);
    const stored = (await store.functions.get("guest", fn.id)) as Fn;
    assert.deepEqual([stored.source, stored.protocol, stored.concurrency], [{ type: "image", image }, "http-stream", 1]);
    assert.equal(stored.revision, 8);
  });
}

test("an image of another door keeps its protocol", async () => {
  const fn = await foreignFn({ source: { type: "image", image: "a" }, protocol: "http-port" });
  await put("fns", fn.id, { image: "b" });
  assert.equal((await store.functions.get("guest", fn.id))?.protocol, "http-port");
});

test("more annotations than Fn allows may stay, but not grow", async () => {
  const many = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`k${index}`, "1"]));
  const fn = await foreignFn({ annotations: many });
  assert.equal((await put("fns", fn.id, { annotations: { k0: 2 } })).message, undefined);
  const limit = "Invalid annotation change, new key(s) exceed maximum permitted number of annotations keys (100)";
  assert.equal((await put("fns", fn.id, { annotations: { new: 2 } })).message, limit);
  assert.equal((await put("fns", fn.id, { annotations: { new: 2, k0: "" } })).message, undefined);
  assert.equal((await create("apps", { name: "a", annotations: many })).message, limit);
});

test("pages have 30 items, at most 100, and a walk over the cursors sees each once", async () => {
  for (let index = 0; index < 105; index++) await create("apps", { name: `app-${index}` });
  for (const [query, length] of [
    ["", 30],
    ["?per_page=1000", 100],
    ["?per_page=%39999", 100],
  ] as const) {
    assert.equal((await json({ target: `/v2/apps${query}` })).items.length, length);
  }
  const seen = new Set<string>();
  for (let cursor = ""; ; ) {
    const page = await json({ target: `/v2/apps?per_page=15&cursor=${cursor}` });
    for (const { name } of page.items) seen.add(name);
    if (page.next_cursor === undefined) break;
    cursor = page.next_cursor;
  }
  assert.equal(seen.size, 105);
});

test("a walk over triggers of one name sees each once", async () => {
  const app = await create("apps", { name: "a" });
  for (let index = 0; index < 5; index++) {
    const fn = await create("fns", { app_id: app.id, name: `f${index}`, image: "i" });
    await create("triggers", { app_id: app.id, fn_id: fn.id, name: "same", type: "http", source: `/${index}` });
  }
  const seen: string[] = [];
  for (let cursor = ""; ; ) {
    const page = await json({ target: `/v2/triggers?app_id=${app.id}&per_page=2&cursor=${cursor}` });
    seen.push(...page.items.map(({ source }) => source));
    if (page.next_cursor === undefined) break;
    cursor = page.next_cursor;
  }
  assert.deepEqual(seen.toSorted(), ["/0", "/1", "/2", "/3", "/4"]);
});

test("simultaneous changes are all kept", async () => {
  const app = await create("apps", { name: "a" });
  const keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
  const answers = await Promise.all(keys.map((key) => put("apps", app.id, { config: { [key]: "1" } })));
  assert.deepEqual(
    answers.map((answer) => answer.message),
    keys.map(() => undefined),
  );
  assert.deepEqual((await get("apps", app.id)).config, Object.fromEntries(keys.map((key) => [key, "1"])));
  assert.equal((await store.apps.get("guest", app.id))?.revision, 9);
});

test("of simultaneous creations of one name one wins", async () => {
  const answers = await Promise.all(Array.from({ length: 5 }, () => create("apps", { name: "a" })));
  assert.deepEqual(answers.map((answer) => answer.message ?? "made").toSorted(), [
    ...Array(4).fill("App already exists"),
    "made",
  ]);
  const app = answers.find((answer) => answer.id !== undefined)?.id;
  const fields = { app_id: app, name: "f", image: "i" };
  const made = await Promise.all(Array.from({ length: 3 }, () => create("fns", fields)));
  assert.equal(made.filter((answer) => answer.message === "Fn with specified name already exists").length, 2);
});

test("an app that goes away during a creation in it is not found", async () => {
  const app = await create("apps", { name: "a" });
  const [made] = await Promise.all([
    create("fns", { app_id: app.id, name: "f", image: "i" }),
    call({ method: "DELETE", target: `/v2/apps/${app.id}` }),
  ]);
  assert.ok(made.message === "App not found" || made.id !== undefined, JSON.stringify(made));
  assert.equal((await json({ target: `/v2/fns?app_id=${app.id}` })).items.length, 0);
});

test("somebody who is always faster ends in a conflict, not in an endless loop", async () => {
  const app = await create("apps", { name: "a" });
  store.apps.update = () => Promise.reject(new PlatformError("conflict", "stale"));
  const answer = await call({ method: "PUT", target: `/v2/apps/${app.id}`, body: '{"config":{"a":"1"}}' });
  assert.equal(answer.status, 409);
  assert.match(answer.body, /send the request again/);
});

test("a function that was made or changed is expected to be called", async () => {
  const app = await create("apps", { name: "a" });
  const fn = await create("fns", { app_id: app.id, name: "f", image: "i" });
  await put("fns", fn.id, { memory: 256 });
  await put("fns", fn.id, { memory: 256 });
  assert.deepEqual(expected, [`${fn.id} 1 ${app.id}`, `${fn.id} 2 ${app.id}`]);
});

test("each change tells the definition cache", async () => {
  const app = await create("apps", { name: "a" });
  const fn = await create("fns", { app_id: app.id, name: "f", image: "i" });
  const trigger = await create("triggers", { app_id: app.id, fn_id: fn.id, name: "t", type: "http", source: "/s" });
  await put("triggers", trigger.id, { source: "/r" });
  await call({ method: "DELETE", target: `/v2/triggers/${trigger.id}` });
  await call({ method: "DELETE", target: `/v2/fns/${fn.id}` });
  await call({ method: "DELETE", target: `/v2/apps/${app.id}` });
  assert.deepEqual(changed, [app.id, fn.id, trigger.id, trigger.id, trigger.id, fn.id, app.id]);
});

test("an error of the store is ours, and only our log hears the cause", async () => {
  store.apps.list = () => Promise.reject(new Error("disk on fire at /dev/sda"));
  const answer = await call({ target: "/v2/apps" });
  assert.deepEqual([answer.status, answer.body], [500, '{"message":"internal server error"}\n']);
  assert.match(String(failures[0]?.cause), /disk on fire/);
});

test("who may not is told so, and reads only what anybody may", async () => {
  context = { ...context, identify: () => Promise.reject(new PlatformError("unauthenticated", "A key is needed")) };
  const refused = await call({ target: "/v2/apps" });
  assert.deepEqual([refused.status, refused.body], [401, '{"message":"A key is needed"}\n']);
  assert.equal((await ask(fnInvoke(context), { method: "POST", target: "/invoke/x" })).status, 401);
  assert.equal((await call({ target: "/" })).status, 200);
  assert.equal((await call({ target: "/version" })).status, 200);
  assert.equal((await call({ target: "/nope" })).status, 404);
  context = { ...context, identify: () => ({ name: "other", namespaces: ["other"] }) };
  assert.equal((await call({ target: "/v2/apps" })).body, '{"message":"Namespace guest does not exist"}\n');
});

test("a body of unknown length is cut off at 1 MiB, and one that breaks off is the caller's fault", async () => {
  const endless = body((sink) => {
    while (sink.chunk(Buffer.alloc(64 * 1024, " "))) {}
  });
  assert.equal((await call({ method: "POST", target: "/v2/apps", body: endless })).status, 413);
  const broken = body((sink) => sink.fail(new PlatformError("request_timeout", "The body came too slowly")));
  assert.equal((await call({ method: "POST", target: "/v2/apps", body: broken })).status, 408);
});

test("an answer that breaks off cuts the connection", async () => {
  const fn = await foreignFn();
  code = () => ({ body: breaking(new PlatformError("function_exited", "gone")) });
  const streamed = await ask(fnInvoke(context), { method: "POST", target: `/invoke/${fn.id}` });
  assert.deepEqual([streamed.status, streamed.body, streamed.broken?.message], [200, "half", "gone"]);
});

/** An asynchronous call of a function that is never run, and a synchronous one that has a record. */
async function calledTwice(): Promise<{ fn: Fn; waiting: string; over: string }> {
  const fn = await foreignFn();
  const post = (headers: readonly string[]) => ask(fnInvoke(context), { method: "POST", target: `/invoke/${fn.id}`, headers });
  const waiting = (await post(["fn-invoke-type", "detached"])).header("fn-call-id") ?? "";
  const over = (await post([])).header("fn-call-id") ?? "";
  return { fn, waiting, over };
}

const callsOf = async (fn: Fn, query = "") =>
  JSON.parse((await call({ target: `/v2/fns/${fn.id}/calls${query}` })).body) as {
    items: { id: string; status: string }[];
    next_cursor?: string;
  };

test("a call that ends while a list is put together is in it once, with its end", async () => {
  const { fn, waiting, over } = await calledTwice();
  const record = { ...((await store.activations.get("guest", over)) as Activation), id: waiting };
  const { calls } = context;
  const listUnderway: typeof calls.listUnderway = async (namespace, id, page) => {
    const found = await calls.listUnderway(namespace, id, page);
    await store.activations.append([record]);
    return found;
  };
  context = { ...context, calls: { underway: calls.underway, listUnderway } };
  const { items } = await callsOf(fn);
  assert.deepEqual(
    items.map(({ id, status }) => `${id} ${status}`),
    [`${over} success`, `${waiting} success`],
  );
});

test("a list goes on behind a call that only waited, whatever became of it", async () => {
  const { fn, waiting, over } = await calledTwice();
  const older = { ...((await store.activations.get("guest", over)) as Activation), id: `00${waiting.slice(2)}` };
  await store.activations.append([{ ...older, startedAt: older.startedAt - 1000 }]);
  const first = await callsOf(fn, "?per_page=2");
  assert.deepEqual(
    first.items.map(({ id }) => id),
    [over, waiting],
  );
  const rest = async () => (await callsOf(fn, `?cursor=${first.next_cursor}`)).items.map(({ id }) => id);
  assert.deepEqual(await rest(), [older.id]);
  // It is over now.
  context = { ...context, calls: { underway: async () => undefined, listUnderway: async () => [] } };
  assert.deepEqual(await rest(), [older.id]);
  await store.activations.append([{ ...older, id: waiting, startedAt: older.startedAt }]);
  assert.deepEqual(await rest(), [older.id]);
});

const refusal = (reason: ErrorCode) => () => Promise.reject(new PlatformError(reason, "full"));

test("a detached call is answered when it is safe, with its id alone", async () => {
  const fn = await foreignFn();
  const headers = ["fn-invoke-type", "detached"];
  const detached = async (accept: FnContext["invoker"]["accept"], id = fn.id) => {
    const { invoke, begin } = context.invoker;
    const invoker = { invoke, begin, ...(accept && { accept }) };
    const answer = await ask(fnInvoke({ ...context, invoker }), { method: "POST", target: `/invoke/${id}`, headers });
    return [answer.status, answer.body, answer.header("fn-call-id")];
  };
  assert.deepEqual(await detached(async () => ({ activationId: "A1" })), [202, "", "A1"]);
  assert.deepEqual(await detached(refusal("overloaded")), [503, '{"message":"Timed out - server too busy"}\n', undefined]);
  assert.deepEqual(await detached(refusal("not_found")), [404, '{"message":"Fn not found"}\n', undefined]);
  const unsupported = await detached(undefined);
  assert.deepEqual(unsupported.slice(0, 2), [501, '{"message":"Detach call functions are not supported on this server"}\n']);
});

test("the function hears the caller's signal and namespace", async () => {
  const fn = await foreignFn();
  const seen: unknown[] = [];
  const { signal } = new AbortController();
  const invoker: FnContext["invoker"] = {
    ...context.invoker,
    begin(request, heard, caller) {
      seen.push(request.namespace, request.caller.name, request.target, request.http, heard === signal);
      context.invoker.begin(request, heard, caller);
    },
  };
  await ask(fnInvoke({ ...context, invoker }), { method: "POST", target: `/invoke/${fn.id}`, signal });
  assert.deepEqual(seen, ["guest", "loopback", { by: "id", functionId: fn.id }, null, true]);
});

/** A body that breaks off after its first piece. */
function breaking(error: Error): BodySource {
  return body((sink) => {
    sink.chunk(Buffer.from("half"));
    sink.fail(error);
  });
}

function body(pipe: BodySource["pipe"]): BodySource {
  let live = true;
  return {
    bytes: undefined,
    pipe: (sink) => pipe({ ...sink, chunk: (data) => live && sink.chunk(data) && live }),
    resume() {},
    cancel() {
      live = false;
    },
  };
}
