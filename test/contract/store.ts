/** What every store must do, run by each implementation beside its own tests. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ErrorCode } from "../../src/model/error.ts";
import { PlatformError } from "../../src/model/error.ts";
import type { Activation, App, Fn, Route, Rule, Trigger } from "../../src/model/model.ts";
import type { Page, PageRequest, Store } from "../../src/store/store.ts";
import { sampleActivation } from "../samples.ts";

/** Registers the suite; `open` gives a new, empty store each time. */
export function storeContract(name: string, open: () => Promise<Store>): void {
  const it = (title: string, run: (store: Store) => Promise<void>) =>
    test(title, async () => {
      const store = await open();
      try {
        await store.namespaces.create({ id: "n1", name: "guest", createdAt: 1 });
        await store.namespaces.create({ id: "n2", name: "other", createdAt: 2 });
        await run(store);
      } finally {
        await store.close();
      }
    });

  describe(`store contract: ${name}`, { concurrency: false }, () => {
    testNamespacesAndKeys(it);
    testApps(it);
    testFunctions(it);
    testProvisioned(it);
    testRevisions(it);
    testRoutes(it);
    testTriggersAndRules(it);
    testCascades(it);
    testActivations(it);
  });
}

type It = (title: string, run: (store: Store) => Promise<void>) => void;

function testNamespacesAndKeys(it: It): void {
  it("namespaces: unique by id and name, found by exact name, paged", async ({ namespaces }) => {
    await refused("conflict", namespaces.create({ id: "n3", name: "guest", createdAt: 1 }));
    await refused("conflict", namespaces.create({ id: "n1", name: "third", createdAt: 1 }));
    assert.deepEqual(await namespaces.getByName("guest"), { id: "n1", name: "guest", createdAt: 1 });
    assert.equal(await namespaces.getByName("Guest"), undefined);
    assert.deepEqual(await pages((page) => namespaces.list(page), 1), ["guest", "other"]);
  });

  it("keys: belong to a namespace and are removed only there", async ({ keys }) => {
    const key = { id: "k1", namespace: "guest", secretHash: "ab", createdAt: 5 };
    await refused("not_found", keys.create({ ...key, namespace: "nobody" }));
    await keys.create(key);
    await refused("conflict", keys.create({ ...key, namespace: "other" }));
    assert.deepEqual(await keys.get("k1"), key);
    assert.deepEqual(await keys.list("guest"), [key]);
    assert.deepEqual(await keys.list("other"), []);
    await refused("not_found", keys.remove("other", "k1"));
    await keys.remove("guest", "k1");
    assert.equal(await keys.get("k1"), undefined);
  });
}

function testApps(it: It): void {
  it("apps: come back as they went in, to the byte", async ({ apps }) => {
    const app = anApp({
      config: { KEY: "välue\n\u0000", __proto__x: "" },
      annotations: { number: "1.50", order: '{"b":1,"a":2}', text: '"\\u00e9 \u2028"' },
      syslogUrl: "tcp://example.test:514",
      shape: "GENERIC_ARM",
    });
    await apps.create(app);
    assert.deepEqual(await apps.get("guest", app.id), app);
    assert.deepEqual(await apps.getByName("guest", app.name), app);
  });

  it("apps: names differ by case and are free in another namespace", async ({ apps }) => {
    await apps.create(anApp({ id: "1", name: "shop" }));
    await apps.create(anApp({ id: "2", name: "Shop" }));
    await apps.create(anApp({ id: "1", name: "shop", namespace: "other" }));
    await refused("conflict", apps.create(anApp({ id: "3", name: "shop" })));
    await refused("conflict", apps.create(anApp({ id: "1", name: "third" })));
    await refused("not_found", apps.create(anApp({ id: "4", name: "lost", namespace: "nobody" })));
    assert.equal((await apps.getByName("other", "shop"))?.namespace, "other");
    assert.equal(await apps.get("other", "2"), undefined);
  });

  it("apps: an update needs the next revision", async ({ apps }) => {
    const app = anApp({});
    await apps.create(app);
    await apps.create(anApp({ id: "2", name: "taken" }));
    await apps.update({ ...app, config: { a: "1" }, revision: 2, updatedAt: 9 });
    assert.deepEqual(await apps.get("guest", app.id), { ...app, config: { a: "1" }, revision: 2, updatedAt: 9 });
    await refused("conflict", apps.update({ ...app, config: {}, revision: 2 }));
    await refused("conflict", apps.update({ ...app, name: "taken", revision: 3 }));
    await refused("not_found", apps.update({ ...app, id: "9", revision: 3 }));
    await refused("not_found", apps.update({ ...app, namespace: "other", revision: 3 }));
    assert.deepEqual((await apps.get("guest", app.id))?.config, { a: "1" });
  });

  it("apps: of two updates at once one wins", async ({ apps }) => {
    await apps.create(anApp({}));
    const both = await Promise.allSettled(["x", "y"].map((value) => apps.update(anApp({ config: { value }, revision: 2 }))));
    assert.deepEqual(both.map((one) => one.status).toSorted(), ["fulfilled", "rejected"]);
  });

  it("apps: of many creations of one name at once one wins and the others' neighbours are unharmed", async ({ apps }) => {
    const all = await Promise.allSettled([
      ...Array.from({ length: 20 }, (_, index) => apps.create(anApp({ id: `same${index}`, name: "same" }))),
      ...Array.from({ length: 20 }, (_, index) => apps.create(anApp({ id: `own${index}`, name: `own${index}` }))),
    ]);
    assert.equal(all.filter((one) => one.status === "fulfilled").length, 21);
    assert.equal((await apps.list("guest", { limit: 100 })).items.length, 21);
  });

  it("apps: pages are in order of bytes, survive removals, and end with null", async ({ apps }) => {
    const names = ["b", "a", "B", "aa", "é", "\u{1F600}", "\uFF5E", "a-b", "a_b", "z"];
    for (const [index, name] of names.entries()) await apps.create(anApp({ id: String(index), name }));
    const sorted = names.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
    for (const limit of [1, 3, 9, 10, 11]) assert.deepEqual(await pages((page) => apps.list("guest", page), limit), sorted);
    const first = await apps.list("guest", { limit: 4 });
    await apps.remove("guest", String(first.items[3]?.id));
    const second = await apps.list("guest", { limit: 4, after: first.next ?? undefined });
    assert.deepEqual(
      second.items.map((app) => app.name),
      sorted.slice(4, 8),
    );
    assert.deepEqual(await apps.list("other", { limit: 4 }), { items: [], next: null });
  });

  it("what was given out or in can be changed without changing the store", async ({ apps }) => {
    const config = { a: "1" };
    await apps.create(anApp({ config }));
    config.a = "2";
    const got = (await apps.get("guest", "app1")) as { config: Record<string, string> };
    got.config.a = "3";
    assert.deepEqual((await apps.get("guest", "app1"))?.config, { a: "1" });
  });
}

function testFunctions(it: It): void {
  it("functions: every kind of source and every field comes back", async ({ apps, functions }) => {
    await apps.create(anApp({}));
    const sources: Fn["source"][] = [
      { type: "code", kind: "nodejs:24", digest: "ab", handler: "index.main", command: null },
      { type: "code", kind: "python:3.11", digest: "cd", handler: null, command: ["python3", "func.py"] },
      { type: "image", image: "example/hello:1" },
      { type: "executable", kind: "go:1", digest: "ef", command: ["./main", "--x"] },
    ];
    for (const [index, source] of sources.entries()) {
      const parameters = JSON.parse('{"__proto__":{"x":1},"deep":[1,2.5,null,{"é":true}]}') as Record<string, unknown>;
      const fn = aFunction({ id: `f${index}`, name: `f${index}`, source, parameters, annotations: { a: "1.0" } });
      await functions.create(fn);
      assert.deepEqual(await functions.get("guest", fn.id), fn);
    }
  });

  it("functions: the null app is a place of its own", async ({ apps, functions }) => {
    await apps.create(anApp({}));
    await functions.create(aFunction({ id: "in", name: "same" }));
    await functions.create(aFunction({ id: "null", name: "same", appId: null }));
    await refused("conflict", functions.create(aFunction({ id: "again", name: "same", appId: null })));
    await refused("conflict", functions.create(aFunction({ id: "again", name: "same" })));
    assert.equal((await functions.getByName("guest", null, "same"))?.id, "null");
    assert.equal((await functions.getByName("guest", "app1", "same"))?.id, "in");
    assert.deepEqual(await pages((page) => functions.list("guest", null, page), 5), ["same"]);
    assert.deepEqual(await pages((page) => functions.list("guest", "app1", page), 5), ["same"]);
    assert.deepEqual(await pages((page) => functions.list("guest", "app2", page), 5), []);
  });

  it("functions: need their app, in their namespace", async ({ apps, functions }) => {
    await apps.create(anApp({}));
    await refused("not_found", functions.create(aFunction({ appId: "app2" })));
    await refused("not_found", functions.create(aFunction({ namespace: "other" })));
    await functions.create(aFunction({}));
    await refused("not_found", functions.update(aFunction({ appId: "app2", revision: 2 })));
    await functions.update(aFunction({ memoryMiB: 256, revision: 2 }));
    assert.equal((await functions.get("guest", "fn1"))?.memoryMiB, 256);
    await refused("not_found", functions.remove("other", "fn1"));
  });
  it("functions: the path that one declares leads to it, in its app only", async ({ apps, functions }) => {
    await apps.create(anApp({}));
    await apps.create(anApp({ id: "app2", name: "app2" }));
    const make = (id: string, appId: string, path: string) =>
      functions.create(aFunction({ id, name: id, appId, annotations: { "polykiln/path": path } }));
    const at = async (path: string, appId = "app1") => (await functions.getByPath("guest", appId, path))?.id;
    await make("b", "app1", '"/hi"');
    await make("a", "app1", '"/hi"');
    await make("c", "app1", '"/ü \\"x"');
    await make("d", "app1", "7");
    assert.deepEqual([await at("/hi"), await at('/ü "x'), await at("/ho"), await at("7")], ["a", "c", undefined, undefined]);
    assert.deepEqual([await at("/hi", "app2"), await functions.getByPath("other", "app1", "/hi")], [undefined, undefined]);
    await functions.update(aFunction({ id: "a", name: "a", revision: 2, annotations: {} }));
    assert.equal(await at("/hi"), "b");
    await functions.remove("guest", "b");
    assert.equal(await at("/hi"), undefined);
  });
}

function testProvisioned(it: It): void {
  it("functions: those that keep sandboxes ready are found without the others, in one namespace or all", async ({
    functions,
  }) => {
    const make = (id: string, change: Partial<Fn>) => functions.create(aFunction({ id, name: id, appId: null, ...change }));
    await make("a", { provisioned: 1 });
    await make("b", {});
    await make("c", { provisioned: 3, namespace: "other" });
    await make("d", { provisioned: 2 });
    assert.deepEqual(await pages((page) => functions.provisioned(null, page), 1, "id"), ["a", "c", "d"]);
    assert.deepEqual(await pages((page) => functions.provisioned("guest", page), 5, "id"), ["a", "d"]);
    await functions.update(aFunction({ id: "a", name: "a", appId: null, revision: 2, provisioned: 0 }));
    await functions.remove("other", "c");
    assert.deepEqual(await pages((page) => functions.provisioned(null, page), 5, "id"), ["d"]);
  });
  it("functions: code is in use while a revision that is kept has it", async ({ functions }) => {
    const used = (...digits: string[]) => Promise.all(digits.map((digit) => functions.usesCode(digit.repeat(64), null)));
    for (const id of ["a", "b"]) await functions.create(aFunction({ id, name: id, appId: null, source: withCode("1") }));
    for (let revision = 2; revision <= 3; revision++)
      await functions.update(aFunction({ id: "a", name: "a", appId: null, revision, source: withCode("2") }));
    assert.deepEqual(await used("1", "2", "3"), [true, true, false]);
    assert.deepEqual(
      [await functions.usesCode("2".repeat(64), "a"), await functions.usesCode("2".repeat(64), "b")],
      [true, false],
    );
    for (let revision = 4; revision <= 13; revision++)
      await functions.update(aFunction({ id: "a", name: "a", appId: null, revision, source: withCode("3") }));
    assert.deepEqual(await used("1", "2", "3"), [true, false, true]);
    await functions.remove("guest", "b");
    assert.deepEqual(await used("1", "3"), [false, true]);
  });
  it("functions: one is there until it is deleted, in whichever namespace", async ({ functions }) => {
    await functions.create(aFunction({ id: "a", name: "a", appId: null }));
    await functions.create(aFunction({ id: "b", name: "b", appId: null, namespace: "other" }));
    const there = () => Promise.all(["a", "b", "c"].map((id) => functions.exists(id)));
    assert.deepEqual(await there(), [true, true, false]);
    await functions.remove("other", "b");
    assert.deepEqual(await there(), [true, false, false]);
  });
  it("functions: what changed last comes first, in a namespace or an app", async ({ apps, functions }) => {
    await apps.create(anApp({}));
    for (const [index, appId] of ["app1", null, "app1"].entries())
      await functions.create(aFunction({ id: `f${index}`, name: `f${index}`, appId, updatedAt: 10 + index }));
    await functions.update(aFunction({ id: "f0", name: "f0", revision: 2, updatedAt: 20 }));
    const latest = async (appId: string | null | undefined, skip = 0, limit = 9) =>
      (await functions.latest("guest", appId, { skip, limit })).map(({ id }) => id);
    assert.deepEqual(await latest(undefined), ["f0", "f2", "f1"]);
    assert.deepEqual(await latest(undefined, 1, 1), ["f2"]);
    assert.deepEqual([await latest("app1"), await latest(null), await latest("none")], [["f0", "f2"], ["f1"], []]);
    const counts = ["app1", null, undefined].map((appId) => functions.count("guest", appId));
    assert.deepEqual([...(await Promise.all(counts)), await functions.count("other", undefined)], [2, 1, 3, 0]);
  });

  it("functions: the newest of a namespace come first", async ({ functions }) => {
    for (const id of ["b", "d", "a", "c"]) await functions.create(aFunction({ id, name: `x-${id}`, appId: null }));
    await functions.create(aFunction({ id: "e", name: "e", appId: null, namespace: "other" }));
    const newest = async (limit: number) => (await functions.newest("guest", limit)).map(({ id }) => id);
    assert.deepEqual(
      [await newest(3), await newest(10)],
      [
        ["d", "c", "b"],
        ["d", "c", "b", "a"],
      ],
    );
  });
}

const withCode = (digit: string) =>
  ({ type: "code", kind: "nodejs:24", digest: digit.repeat(64), handler: null, command: null }) as const;

function testRevisions(it: It): void {
  it("functions: revisions are kept, the newest ten and those with traffic, and go with their function", async ({
    apps,
    functions,
  }) => {
    await apps.create(anApp({}));
    await functions.create(aFunction({}));
    for (let revision = 2; revision <= 4; revision++) await functions.update(aFunction({ revision, memoryMiB: 128 + revision }));
    assert.deepEqual(await functions.revision("guest", "fn1", 3), aFunction({ revision: 3, memoryMiB: 131 }));
    await functions.setTraffic("guest", "fn1", [
      { revision: 2, weight: 90 },
      { revision: 4, weight: 10 },
    ]);
    assert.deepEqual((await functions.get("guest", "fn1"))?.traffic, [
      { revision: 2, weight: 90 },
      { revision: 4, weight: 10 },
    ]);
    assert.equal((await functions.get("guest", "fn1"))?.revision, 4);
    assert.deepEqual((await functions.revision("guest", "fn1", 2))?.traffic, []);
    await refused("invalid", functions.setTraffic("guest", "fn1", [{ revision: 5, weight: 1 }]));
    await refused("not_found", functions.setTraffic("other", "fn1", []));
    assert.equal((await functions.get("guest", "fn1"))?.traffic.length, 2);
    const traffic = [{ revision: 2, weight: 1 }];
    for (let revision = 5; revision <= 14; revision++) await functions.update(aFunction({ revision, traffic }));
    const kept = await functions.revisions("guest", "fn1", { limit: 100 });
    assert.deepEqual(
      kept.items.map((fn) => fn.revision),
      [14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 2],
    );
    const second = await functions.revisions("guest", "fn1", { after: "13", limit: 2 });
    assert.deepEqual([second.items.map((fn) => fn.revision), second.next], [[12, 11], "11"]);
    assert.equal(await functions.revision("guest", "fn1", 3), undefined);
    assert.equal(await functions.revision("other", "fn1", 14), undefined);
    await functions.remove("guest", "fn1");
    assert.deepEqual((await functions.revisions("guest", "fn1", { limit: 10 })).items, []);
    await functions.create(aFunction({}));
    assert.deepEqual(
      (await functions.revisions("guest", "fn1", { limit: 10 })).items.map((fn) => fn.revision),
      [1],
    );
    await apps.remove("guest", "app1");
    assert.equal(await functions.revision("guest", "fn1", 1), undefined);
  });
}

function testRoutes(it: It): void {
  const withFunctions = (title: string, run: (store: Store) => Promise<void>) =>
    it(title, async (store) => {
      await store.apps.create(anApp({}));
      await store.apps.create(anApp({ id: "app2", name: "second" }));
      await store.functions.create(aFunction({}));
      await store.functions.create(aFunction({ id: "fn2", name: "two" }));
      await run(store);
    });

  withFunctions("routes: source is unique in the app, name in the function", async ({ routes }) => {
    await routes.create(aRoute({}));
    await refused("conflict", routes.create(aRoute({ id: "r2", name: "other" })));
    await refused("conflict", routes.create(aRoute({ id: "r2", source: "/other" })));
    await routes.create(aRoute({ id: "r2", functionId: "fn2", source: "/other" }));
    assert.deepEqual(await routes.getBySource("guest", "app1", "/hello"), aRoute({}));
    assert.equal(await routes.getBySource("guest", "app2", "/hello"), undefined);
    await refused("conflict", routes.update(aRoute({ id: "r2", functionId: "fn2", source: "/hello", revision: 2 })));
    await routes.update(aRoute({ source: "/moved", revision: 2 }));
    assert.equal((await routes.getBySource("guest", "app1", "/moved"))?.id, "r1");
  });

  withFunctions("routes: need an app and a function of it", async ({ routes }) => {
    await refused("not_found", routes.create(aRoute({ appId: "app3" })));
    await refused("not_found", routes.create(aRoute({ functionId: "fn3" })));
    await refused("not_found", routes.create(aRoute({ appId: "app2" })));
    await refused("not_found", routes.create(aRoute({ namespace: "other" })));
  });

  withFunctions("routes: pages by name lose none of those that share one, and filter", async ({ routes }) => {
    for (const [name, functionId] of [
      ["a", "fn1"],
      ["b", "fn1"],
      ["b", "fn2"],
      ["c", "fn2"],
    ] as const) {
      await routes.create(aRoute({ id: name + functionId, name, functionId, source: `/${name}/${functionId}` }));
    }
    for (const limit of [1, 2, 3, 4]) {
      assert.deepEqual(await pages((page) => routes.list("guest", "app1", {}, page), limit), ["a", "b", "b", "c"]);
    }
    assert.deepEqual(await pages((page) => routes.list("guest", "app1", { functionId: "fn2" }, page), 1), ["b", "c"]);
    assert.deepEqual(await pages((page) => routes.list("guest", "app1", { name: "b" }, page), 1), ["b", "b"]);
    assert.deepEqual(await pages((page) => routes.list("guest", "app2", {}, page), 1), []);
    assert.deepEqual(
      (await routes.list("guest", "app1", {}, { limit: 9, after: "b" })).items.map((route) => route.name),
      ["c"],
    );
  });
}

function testTriggersAndRules(it: It): void {
  it("triggers: create, get, update, list, remove", async ({ triggers }) => {
    const trigger = aTrigger({ parameters: { a: [1] }, annotations: { x: "1e2" } });
    await triggers.create(trigger);
    await refused("conflict", triggers.create(aTrigger({ id: "t2" })));
    assert.deepEqual(await triggers.getByName("guest", "fired"), trigger);
    await triggers.update({ ...trigger, name: "renamed", revision: 2 });
    assert.deepEqual(await pages((page) => triggers.list("guest", page), 1), ["renamed"]);
    await triggers.remove("guest", "t1");
    await refused("not_found", triggers.remove("guest", "t1"));
  });

  it("rules: need a trigger and a function", async ({ triggers, functions, rules }) => {
    await refused("not_found", rules.create(aRule({})));
    await triggers.create(aTrigger({}));
    await refused("not_found", rules.create(aRule({})));
    await functions.create(aFunction({ appId: null }));
    await rules.create(aRule({}));
    await refused("conflict", rules.create(aRule({ id: "u2" })));
    await rules.update(aRule({ active: false, revision: 2 }));
    assert.deepEqual(await rules.get("guest", "u1"), aRule({ active: false, revision: 2 }));
    assert.deepEqual(await rules.getByName("guest", "rule"), aRule({ active: false, revision: 2 }));
    assert.deepEqual(await pages((page) => rules.list("guest", page), 1), ["rule"]);
  });
}

function testCascades(it: It): void {
  it("removing an app removes its functions, routes and their rules, and nobody else's", async (store) => {
    await furnish(store);
    await store.functions.create(aFunction({ id: "free", appId: null }));
    await store.apps.create(anApp({ namespace: "other" }));
    await store.functions.create(aFunction({ namespace: "other" }));
    await store.apps.remove("guest", "app1");
    assert.deepEqual(await left(store), [undefined, undefined, undefined]);
    assert.equal((await store.functions.get("guest", "free"))?.id, "free");
    assert.equal((await store.functions.get("other", "fn1"))?.id, "fn1");
    await store.triggers.remove("guest", "t1");
    await furnish(store);
  });

  it("removing a function removes its routes and rules", async (store) => {
    await furnish(store);
    await store.functions.remove("guest", "fn1");
    assert.deepEqual(await left(store), [undefined, undefined, undefined]);
  });

  it("removing a trigger removes its rules", async (store) => {
    await furnish(store);
    await store.triggers.remove("guest", "t1");
    assert.deepEqual(await left(store), ["fn1", "r1", undefined]);
  });
}

async function furnish(store: Store): Promise<void> {
  await store.apps.create(anApp({}));
  await store.functions.create(aFunction({}));
  await store.routes.create(aRoute({}));
  await store.triggers.create(aTrigger({}));
  await store.rules.create(aRule({}));
}

/** What is still there of what `furnish` made below the app. */
async function left(store: Store): Promise<(string | undefined)[]> {
  const found = [
    await store.functions.get("guest", "fn1"),
    await store.routes.get("guest", "r1"),
    await store.rules.get("guest", "u1"),
  ];
  return found.map((item) => item?.id);
}

function testActivations(it: It): void {
  it("activations: come back as they went in", async ({ activations }) => {
    const plain = anActivation(1, {});
    const failed = anActivation(2, {
      appId: null,
      routeId: "r1",
      status: "developer_error",
      start: "none",
      attempt: 3,
      error: { code: "function_start_failed", message: "SyntaxError: é\nat 1" },
      waitMs: 0.125,
      runMs: 1234.0001,
      traceId: "0af7651916cd43dd8448eb211c80319c",
    });
    await activations.append([plain, failed]);
    assert.deepEqual(await activations.get("guest", plain.id), plain);
    assert.deepEqual(await activations.get("guest", failed.id), failed);
    assert.equal(await activations.get("other", plain.id), undefined);
    assert.equal(await activations.get("guest", "nothing"), undefined);
  });

  it("activations: the first record of an id wins, within a batch and later", async ({ activations }) => {
    await activations.append([anActivation(1, { status: "timeout" }), anActivation(1, { status: "success" })]);
    await activations.append([anActivation(1, { status: "cancelled" }), anActivation(2, {})]);
    await activations.append([]);
    const result = {
      activationId: anActivation(2, {}).id,
      namespace: "guest",
      status: 201,
      contentType: null,
      body: Buffer.from([0, 255]),
      bytes: 9,
    };
    await activations.append([anActivation(2, {})], [result, { ...result, status: 500 }]);
    await activations.append([anActivation(2, {})], [{ ...result, status: 500 }]);
    const found = await activations.result("guest", result.activationId);
    assert.deepEqual(found && { ...found, body: Buffer.from(found.body) }, result, "the first result wins too");
    assert.equal(await activations.result("other", result.activationId), undefined);
    assert.equal((await activations.get("guest", activationId(1)))?.status, "timeout");
    assert.equal((await activations.get("guest", activationId(2)))?.status, "success");
  });

  it("activations: are listed newest first, by namespace, function, status and time", async ({ activations }) => {
    const all = Array.from({ length: 40 }, (_, index) =>
      anActivation(index, {
        startedAt: 1000 + index,
        functionId: index % 2 === 0 ? "even" : "odd",
        status: index % 10 === 0 ? "timeout" : "success",
        namespace: index === 39 ? "other" : "guest",
      }),
    );
    // Calls end in another order than they began.
    await activations.append([...all.slice(20), ...all.slice(0, 20)]);
    const check = async (filter: Parameters<typeof activations.list>[1], expected: (index: number) => boolean) => {
      const ids = [...all.keys()]
        .filter((index) => index < 39 && expected(index))
        .toReversed()
        .map(activationId);
      for (const limit of [1, 7, 100]) {
        assert.deepEqual(
          await pages((page) => activations.list("guest", filter, page), limit, "id"),
          ids,
          JSON.stringify(filter),
        );
      }
      const part = await activations.latest("guest", filter, { skip: 3, limit: 4 });
      assert.deepEqual(
        part.map(({ id }) => id),
        ids.slice(3, 7),
        JSON.stringify(filter),
      );
      assert.equal(await activations.count("guest", filter), ids.length);
    };
    await check({}, () => true);
    await check({ functionId: "odd" }, (index) => index % 2 === 1);
    await check({ status: "timeout" }, (index) => index % 10 === 0);
    await check({ status: "success" }, (index) => index % 10 !== 0);
    await check({ functionId: "even", status: "timeout" }, (index) => index % 10 === 0);
    await check({ from: 1005, to: 1010 }, (index) => index >= 5 && index <= 10);
    await check({ functionId: "even", from: 1005 }, (index) => index % 2 === 0 && index >= 5);
    await check({ functionId: "nobody" }, () => false);
    assert.deepEqual((await activations.list("nobody", {}, { limit: 5 })).items, []);
  });

  it("activations: pages lose none of those that began in one millisecond", async ({ activations }) => {
    await activations.append(Array.from({ length: 10 }, (_, index) => anActivation(index, { startedAt: 1000 })));
    const ids = await pages((page) => activations.list("guest", {}, page), 3, "id");
    assert.deepEqual(
      ids,
      Array.from({ length: 10 }, (_, index) => activationId(9 - index)),
    );
  });

  it("activations: prune removes what is older, some at a time, and nothing else", async ({ activations }) => {
    await activations.append(Array.from({ length: 1200 }, (_, index) => anActivation(index, { startedAt: index })));
    let steps = 0;
    while (await activations.prune(1100)) steps++;
    assert.ok(steps >= 1 && steps < 100);
    const { items } = await activations.list("guest", {}, { limit: 1000 });
    assert.deepEqual([items.length, items.at(-1)?.startedAt], [100, 1100]);
    assert.equal(await activations.get("guest", activationId(1)), undefined);
    assert.equal(await activations.prune(1100), false);
  });

  it("activations: in the order of writing, from a record on, in its namespace", async ({ activations }) => {
    assert.equal(await activations.lastPlace(), 0);
    // The later one began, the earlier it was written.
    await activations.append(Array.from({ length: 1200 }, (_, index) => anActivation(index, { startedAt: 5000 - index })));
    await activations.append([anActivation(5000, { namespace: "other" }), anActivation(5001, {}), anActivation(5002, {})]);
    assert.equal(await activations.place("other", activationId(7)), undefined);
    assert.equal(await activations.lastPlace(), await activations.place("guest", activationId(5002)));
    const ids: string[] = [];
    let place: number | null = (await activations.place("guest", activationId(7))) ?? null;
    while (place !== null) {
      const found: Awaited<ReturnType<typeof activations.writtenAfter>> = await activations.writtenAfter("guest", place);
      ids.push(...found.items.map(({ id }) => id));
      place = found.next;
    }
    const written = Array.from({ length: 1192 }, (_, index) => activationId(index + 8));
    assert.deepEqual(ids, [...written, activationId(5001), activationId(5002)]);
  });

  it("activations: a page after a record that is not there is invalid, another tenant's included", async ({ activations }) => {
    await activations.append([anActivation(1, { namespace: "other" })]);
    await refused("invalid", activations.list("guest", {}, { limit: 5, after: "nothing" }));
    await refused("invalid", activations.list("guest", {}, { limit: 5, after: activationId(1) }));
  });

  it("activations: batches of thousands, several at once", async ({ activations }) => {
    await Promise.all([0, 2500, 5000, 5000].map((first) => activations.append(aBatch(first, 2500))));
    assert.equal((await pages((page) => activations.list("guest", {}, page), 1000, "id")).length, 7500);
  });
}

async function refused(code: ErrorCode, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof PlatformError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  });
}

/** Names (or ids) of all pages, each checked to be no longer than the limit. */
async function pages<T extends { id: string }>(
  list: (page: PageRequest) => Promise<Page<T>>,
  limit: number,
  field: "name" | "id" = "name",
): Promise<string[]> {
  const found: string[] = [];
  let after: string | undefined;
  do {
    const page = await list({ limit, after });
    assert.ok(page.items.length <= limit);
    found.push(...page.items.map((item) => String((item as Record<string, unknown>)[field])));
    after = page.next ?? undefined;
  } while (after !== undefined);
  return found;
}

function anApp(change: Partial<App>): App {
  const times = { revision: 1, createdAt: 10, updatedAt: 11 };
  return {
    id: "app1",
    namespace: "guest",
    name: "shop",
    config: {},
    annotations: {},
    syslogUrl: null,
    shape: "",
    ...times,
    ...change,
  };
}

function aFunction(change: Partial<Fn>): Fn {
  return {
    id: "fn1",
    namespace: "guest",
    appId: "app1",
    name: "hello",
    source: { type: "image", image: "example/hello" },
    protocol: "frames",
    memoryMiB: 128,
    timeoutMs: 30_000,
    idleTimeoutMs: 20_000,
    concurrency: 4,
    sandboxesMax: 10,
    isolation: "fresh",
    sandboxAgeMsMax: 5_000,
    provisioned: 0,
    keepAlive: "learned",
    egress: ["api.example.com:443", "platform"],
    delivery: { attemptsMax: 5, backoffMs: 10, ageMsMax: 60_000, onSuccess: "app/next", onFailure: null },
    traffic: [],
    config: { A: "b" },
    parameters: {},
    annotations: {},
    shape: "",
    revision: 1,
    createdAt: 10,
    updatedAt: 11,
    ...change,
  };
}

function aRoute(change: Partial<Route>): Route {
  const times = { revision: 1, createdAt: 10, updatedAt: 11 };
  const keys = { id: "r1", namespace: "guest", appId: "app1", functionId: "fn1" };
  return { ...keys, name: "hello", source: "/hello", annotations: { x: "[1]" }, ...times, ...change };
}

function aTrigger(change: Partial<Trigger>): Trigger {
  const times = { revision: 1, createdAt: 10, updatedAt: 11 };
  return { id: "t1", namespace: "guest", name: "fired", parameters: {}, annotations: {}, ...times, ...change };
}

function aRule(change: Partial<Rule>): Rule {
  const times = { revision: 1, createdAt: 10, updatedAt: 11 };
  return { id: "u1", namespace: "guest", name: "rule", triggerId: "t1", functionId: "fn1", active: true, ...times, ...change };
}

function activationId(index: number): string {
  return `01J${String(index).padStart(23, "0")}`;
}

function anActivation(index: number, change: Partial<Activation>): Activation {
  return sampleActivation({
    id: activationId(index),
    appId: "app1",
    functionId: "fn1",
    startedAt: 1_700_000_000_000,
    endedAt: 1_700_000_000_005,
    runMs: 4.5,
    requestBytes: 1,
    responseBytes: 32 * 1024 * 1024,
    billedUnits: 1,
    ...change,
  });
}

function aBatch(first: number, length: number): Activation[] {
  return Array.from({ length }, (_, index) => anActivation(first + index, {}));
}
