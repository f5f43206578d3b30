/** Functions of apps with parameters, of bindings and of other namespaces, as calls find them. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { sampleApp, sampleFn } from "../../test/samples.ts";
import { poolKey } from "../agent/pool-key.ts";
import type { App, Fn } from "../model/model.ts";
import { memoryStore } from "../store/memory/store.ts";
import type { Store } from "../store/store.ts";
import { Definitions } from "./definitions.ts";
import { withAppParameters } from "./shared-app.ts";

let store: Store;
let definitions: Definitions;

const tools = sampleApp({ id: "tools", namespace: "guest", name: "tools", parameters: { a: "app", b: "app" }, published: true });
const mine = sampleApp({
  id: "mine",
  namespace: "other",
  name: "mine",
  binding: { namespace: "guest", name: "tools" },
  parameters: { b: "binding", c: "binding" },
  config: { PLACE: "binding" },
});
const says = sampleFn({ id: "says", namespace: "guest", appId: "tools", name: "says", parameters: { c: "function" } });

beforeEach(async () => {
  store = memoryStore();
  for (const name of ["guest", "other", "third"]) await store.namespaces.create({ id: name, name, createdAt: 1 });
  await store.apps.create(tools);
  await store.apps.create(mine);
  await store.functions.create(says);
  definitions = new Definitions(store, { random: () => 0.5 });
});

const named = (app: string | null, provider?: string) => ({ by: "name", app, name: "says", provider }) as const;

async function found(namespace: string, app: string | null, provider?: string) {
  const reference = named(app, provider);
  return definitions.peek(namespace, reference) ?? (await definitions.load(namespace, reference));
}

async function changed(change: { app?: App; fn?: Fn }): Promise<void> {
  if (change.app !== undefined) await store.apps.update({ ...change.app, revision: change.app.revision + 1 });
  if (change.fn !== undefined) await store.functions.update({ ...change.fn, revision: change.fn.revision + 1 });
  definitions.changed("guest", change.fn?.id ?? null);
}

test("parameters of app, binding and function are merged, the last one wins", async () => {
  const own = await found("guest", "tools");
  assert.deepEqual([own.fn.parameters, own.fn.namespace, own.share], [{ a: "app", b: "app", c: "function" }, "guest", undefined]);
  const bound = await found("other", "mine");
  assert.deepEqual(bound.fn.parameters, { a: "app", b: "binding", c: "function" });
  assert.deepEqual([bound.fn.namespace, bound.app?.config], ["other", { PLACE: "binding" }]);
  assert.deepEqual(bound.share, { provider: "guest", binding: "mine" });
  const shared = await found("third", "tools", "guest");
  assert.deepEqual(
    [shared.fn.parameters, shared.fn.namespace, shared.share],
    [own.fn.parameters, "third", { provider: "guest" }],
  );
});

test("where there is nothing to add the function is the very object, and is in memory the next time", async () => {
  const plain = sampleFn({ id: "plain", namespace: "guest", name: "says" });
  assert.equal(withAppParameters(plain, sampleApp()), plain);
  assert.equal(withAppParameters(plain, null), plain);
  await store.functions.create(plain);
  const first = await found("guest", null);
  assert.equal((await found("guest", null)).fn, first.fn);
  assert.equal((await found("other", "mine")).fn, (await found("other", "mine")).fn);
});

test("no two ways to a function share a sandbox where the namespace or the binding is another one", async () => {
  const ways = [
    await found("guest", "tools"),
    await found("other", "tools", "guest"),
    await found("other", "mine"),
    await found("third", "tools", "guest"),
  ];
  assert.equal(new Set(ways.map(({ fn, app }) => poolKey(fn, app, { versionOf: () => 0 }))).size, ways.length);
});

test("a change in the namespace that shares is there at the next call", async () => {
  await found("other", "mine");
  await found("third", "tools", "guest");
  await changed({ fn: { ...says, parameters: { c: "new" } } });
  assert.equal((await found("other", "mine")).fn.parameters["c"], "new");
  await changed({ app: { ...tools, parameters: { a: "new" } } });
  assert.deepEqual((await found("third", "tools", "guest")).fn.parameters, { a: "new", c: "new" });
  await changed({ app: { ...tools, revision: 2, parameters: {} } });
  const { published: _private, ...closed } = { ...tools, revision: 3 };
  await changed({ app: closed });
  for (const [namespace, app, provider] of [
    ["other", "mine", undefined],
    ["third", "tools", "guest"],
  ] as const)
    await assert.rejects(found(namespace, app, provider), { code: "forbidden" });
  assert.equal((await found("guest", "tools")).fn.id, "says");
});

test("what is read while something changes is used once only", async () => {
  const slow = Promise.withResolvers<void>();
  const slowStore: Store = { ...store, functions: Object.create(store.functions) as Store["functions"] };
  slowStore.functions.getByName = async (namespace, appId, name) => {
    const fn = await store.functions.getByName(namespace, appId, name);
    await slow.promise;
    return fn;
  };
  definitions = new Definitions(slowStore, { random: () => 0.5 });
  const old = found("other", "mine");
  await new Promise((resolve) => setImmediate(resolve));
  await changed({ fn: { ...says, parameters: { c: "new" } } });
  slow.resolve();
  assert.equal((await old).fn.parameters["c"], "function");
  assert.equal((await found("other", "mine")).fn.parameters["c"], "new");
});

test("what is not shared is refused alike, whether it is there or not; a binding is its namespace's alone", async () => {
  await store.apps.create(sampleApp({ id: "closed", namespace: "guest", name: "closed" }));
  for (const app of ["closed", "none"])
    await assert.rejects(found("other", app, "guest"), { code: "forbidden", details: { namespace: "guest", app } });
  await store.apps.create({ ...mine, id: "shown", name: "shown", published: true });
  await assert.rejects(found("third", "shown", "other"), { code: "forbidden" });
  await assert.rejects(found("other", null, "guest"), { code: "forbidden", details: { namespace: "guest", function: "says" } });
  await assert.rejects(found("other", "none"), { code: "not_found" });
  await assert.rejects(definitions.load("other", { by: "name", app: "mine", name: "none" }), { code: "not_found" });
});

test("a call that was accepted finds its function by id, also without its binding", async () => {
  const share = { provider: "guest", binding: "mine" };
  const reference = { by: "id", functionId: "says", share } as const;
  assert.deepEqual((await definitions.load("other", reference)).fn.parameters, { a: "app", b: "binding", c: "function" });
  await store.apps.remove("other", "mine");
  definitions.changed("other");
  const left = await definitions.load("other", reference);
  assert.deepEqual([left.fn.parameters, left.fn.namespace], [{ a: "app", b: "app", c: "function" }, "other"]);
  await assert.rejects(definitions.load("other", { by: "id", functionId: "says" }), { code: "not_found" });
});

test("older revisions that share the calls have the same parameters of the app", async () => {
  await store.functions.update({ ...says, parameters: { d: 1 }, revision: 2, traffic: [{ revision: 1, weight: 1 }] });
  const bound = await found("other", "mine");
  assert.deepEqual([bound.fn.revision, bound.fn.namespace], [1, "other"]);
  assert.deepEqual(bound.fn.parameters, { a: "app", b: "binding", c: "function" });
});
