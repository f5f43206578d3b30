import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleApp, sampleFn } from "../../test/samples.ts";
import { realWorld } from "../lib/world.ts";
import { declared } from "../model/declared.ts";
import { PlatformError } from "../model/error.ts";
import type { Fn } from "../model/model.ts";
import { memoryStore } from "../store/memory/store.ts";
import type { Store } from "../store/store.ts";
import { Definitions } from "./definitions.ts";
import type { FunctionReference } from "./invocation.ts";

const app = sampleApp();
const fn = sampleFn({ appId: app.id });
const route = {
  id: "01JD0000000000000000000009",
  namespace: "guest",
  appId: app.id,
  functionId: fn.id,
  name: "r",
  source: "/hi",
  annotations: {},
  revision: 1,
  createdAt: 0,
  updatedAt: 0,
};
const byId: FunctionReference = { by: "id", functionId: fn.id };
const byName = { by: "name", app: app.name, name: fn.name } as const;
const byRoute: FunctionReference = { by: "route", app: app.name, source: "/hi" };

/** A store with one app, function and route, whose reads of functions can be held up. */
async function filled() {
  const store = memoryStore();
  await store.namespaces.create({ id: "01JD000000000000000000000N", name: "guest", createdAt: 0 });
  await store.apps.create(app);
  await store.functions.create(fn);
  await store.routes.create(route);
  let gate: Promise<void> | undefined;
  let reads = 0;
  const hold = async <T>(read: Promise<T>): Promise<T> => {
    reads++;
    const found = await read;
    await gate;
    return found;
  };
  const slow: Store = {
    ...store,
    functions: {
      create: (item) => store.functions.create(item),
      update: (item) => store.functions.update(item),
      remove: (namespace, id) => store.functions.remove(namespace, id),
      list: (namespace, appId, page) => store.functions.list(namespace, appId, page),
      get: (namespace, id) => hold(store.functions.get(namespace, id)),
      getByName: (namespace, appId, name) => hold(store.functions.getByName(namespace, appId, name)),
      getByPath: (namespace, appId, path) => hold(store.functions.getByPath(namespace, appId, path)),
      revision: (namespace, id, revision) => store.functions.revision(namespace, id, revision),
      revisions: (namespace, id, page) => store.functions.revisions(namespace, id, page),
      provisioned: (namespace, page) => store.functions.provisioned(namespace, page),
      newest: (namespace, limit) => store.functions.newest(namespace, limit),
      latest: (namespace, appId, page) => store.functions.latest(namespace, appId, page),
      count: (namespace, appId) => store.functions.count(namespace, appId),
      usesCode: (digest, id) => store.functions.usesCode(digest, id),
      exists: (id) => store.functions.exists(id),
      setTraffic: (namespace, id, traffic) => store.functions.setTraffic(namespace, id, traffic),
    },
  };
  return {
    store,
    definitions: new Definitions(slow, realWorld()),
    reads: () => reads,
    /** Reads that begin from now on arrive when the returned function is called, with what was there when they began. */
    holdUp(): () => void {
      const held = Promise.withResolvers<void>();
      gate = held.promise;
      return () => {
        gate = undefined;
        held.resolve();
      };
    },
  };
}

const changedFn = (fields: Partial<Fn> = {}): Fn => ({ ...fn, revision: 2, memoryMiB: 256, ...fields });

test("read once, then from memory, by each of its names", async () => {
  const { definitions, reads } = await filled();
  for (const reference of [byId, byName, byRoute]) {
    assert.equal(definitions.peek("guest", reference), undefined);
    const loaded = await definitions.load("guest", reference);
    assert.deepEqual([loaded.fn, loaded.app], [fn, app]);
    assert.equal(definitions.peek("guest", reference), loaded);
  }
  assert.equal((await definitions.load("guest", byRoute)).route?.id, route.id);
  assert.equal(reads(), 4);
});

test("a change makes all of its namespace be read again, and of no other", async () => {
  const { store, definitions } = await filled();
  await definitions.load("guest", byId);
  await store.functions.update(changedFn());
  definitions.changed("other");
  assert.equal(definitions.peek("guest", byId)?.fn.revision, 1);
  definitions.changed("guest");
  assert.equal(definitions.peek("guest", byId), undefined);
  assert.equal((await definitions.load("guest", byId)).fn.revision, 2);
});

test("a change of one function leaves the others, by whatever name it is known", async () => {
  const { store, definitions, holdUp } = await filled();
  const other: Fn = { ...fn, id: "01JD00000000000000000000F2", name: "other" };
  const otherById: FunctionReference = { by: "id", functionId: other.id };
  await store.functions.create(other);
  for (const reference of [byId, byName, byRoute, otherById]) await definitions.load("guest", reference);
  await store.functions.update(changedFn());
  definitions.changed("guest", fn.id);
  for (const reference of [byId, byName, byRoute]) assert.equal(definitions.peek("guest", reference), undefined);
  assert.equal(definitions.peek("guest", otherById)?.fn.id, other.id);
  // What is being read meanwhile may be of before, whichever it is.
  const letGo = holdUp();
  const loading = definitions.load("guest", byId);
  await new Promise((resolve) => setImmediate(resolve));
  await store.functions.update(changedFn({ revision: 3 }));
  definitions.changed("guest", fn.id);
  letGo();
  assert.equal((await loading).fn.revision, 2);
  assert.equal(definitions.peek("guest", byId), undefined);
});

test("a function that is expected is read before its first call", async () => {
  const { definitions } = await filled();
  definitions.expect(fn);
  for (let turns = 0; definitions.peek("guest", byId) === undefined; turns++) {
    assert.ok(turns < 1000);
    await new Promise((resolve) => setImmediate(resolve));
  }
});

test("what was read before a change and arrives after it is used once and not kept", async () => {
  const { store, definitions, holdUp } = await filled();
  const letGo = holdUp();
  const loading = definitions.load("guest", byId);
  await new Promise((resolve) => setImmediate(resolve));
  await store.functions.update(changedFn());
  definitions.changed("guest");
  letGo();
  assert.equal((await loading).fn.revision, 1);
  assert.equal(definitions.peek("guest", byId), undefined);
  assert.equal((await definitions.load("guest", byId)).fn.revision, 2);
  assert.equal(definitions.peek("guest", byId)?.fn.revision, 2);
});

test("an old reading does not replace a newer one that was faster", async () => {
  const { store, definitions, holdUp } = await filled();
  const letGo = holdUp();
  const old = definitions.load("guest", byId);
  await new Promise((resolve) => setImmediate(resolve));
  await store.functions.update(changedFn());
  definitions.changed("guest");
  const newer = definitions.load("guest", byId);
  letGo();
  assert.deepEqual([(await old).fn.revision, (await newer).fn.revision], [1, 2]);
  assert.equal(definitions.peek("guest", byId)?.fn.revision, 2);
});

test("what does not exist is named, and is asked for again each time", async () => {
  const { store, definitions } = await filled();
  const missing: [FunctionReference, string][] = [
    [{ by: "id", functionId: "nobody" }, "function"],
    [{ by: "name", app: "nobody", name: "x" }, "app"],
    [{ by: "name", app: app.name, name: "nobody" }, "function"],
    [{ by: "name", app: null, name: fn.name }, "function"],
    [{ by: "route", app: app.name, source: "/nobody" }, "route"],
    [{ by: "path", app: app.name, path: "/nobody" }, "path"],
  ];
  for (const [reference, what] of missing) {
    await assert.rejects(
      definitions.load("guest", reference),
      (error) => error instanceof PlatformError && error.code === "not_found" && error.details["what"] === what,
    );
  }
  await store.functions.create({ ...fn, id: "01JD000000000000000000000A", appId: null, name: "nobody" });
  assert.equal((await definitions.load("guest", { by: "name", app: null, name: "nobody" })).app, null);
  await assert.rejects(definitions.load("elsewhere", byId), PlatformError);
});

test("names that look alike are not taken for each other", async () => {
  const { store, definitions } = await filled();
  await store.functions.create({ ...fn, id: "01JD000000000000000000000B", appId: null });
  const inApp = await definitions.load("guest", byName);
  const inNoApp = await definitions.load("guest", { by: "name", app: null, name: fn.name });
  assert.notEqual(inApp.fn.id, inNoApp.fn.id);
  assert.equal(definitions.peek("guest", byName)?.fn.id, fn.id);
});

test("revisions share the calls by weight, and one that is named gets its call", async () => {
  const { store, definitions } = await filled();
  await store.functions.update({ ...fn, revision: 2, memoryMiB: 256 });
  await store.functions.setTraffic("guest", fn.id, [
    { revision: 1, weight: 3 },
    { revision: 2, weight: 1 },
  ]);
  definitions.changed("guest");
  await definitions.load("guest", byName);
  const picked = Array.from({ length: 4000 }, () => definitions.peek("guest", byName)?.fn.revision);
  const ofFirst = picked.filter((revision) => revision === 1).length;
  assert.ok(ofFirst > 2850 && ofFirst < 3150, `3000 of 4000 expected, ${ofFirst} seen`);
  const first = await definitions.load("guest", { ...byName, revision: 1 });
  assert.deepEqual([first.fn.revision, first.fn.memoryMiB], [1, fn.memoryMiB]);
  await assert.rejects(definitions.load("guest", { ...byName, revision: 3 }), /Revision 3 of function hello does not exist/);
});

test("a path leads to the function that declares it, and is kept", async () => {
  const { store, definitions, reads } = await filled();
  await store.functions.update({ ...fn, revision: 2, annotations: { [declared.path]: '"/declared"' } });
  const byPath: FunctionReference = { by: "path", app: app.name, path: "/declared" };
  assert.equal((await definitions.load("guest", byPath)).fn.id, fn.id);
  const before = reads();
  assert.equal(definitions.peek("guest", byPath)?.fn.revision, 2);
  assert.equal(reads(), before);
});

const at = (source: string): FunctionReference => ({ by: "route", app: app.name, source });

test("a route's prefix takes what has no route of its own, the longest first; paths below it do not push out others", async () => {
  const { store, definitions } = await filled();
  const make = (id: string, source: string) => store.routes.create({ ...route, id, name: id, source });
  await make("all", "/*");
  await make("api", "/api/*");
  const found = async (source: string) => (await definitions.load("guest", at(source))).route?.source;
  assert.deepEqual(await Promise.all(["/hi", "/ho", "/api/x/y", "/api/", "/api"].map(found)), [
    "/hi",
    "/*",
    "/api/*",
    "/api/*",
    "/*",
  ]);
  for (let i = 0; i < 1001; i++) await definitions.load("guest", at(`/made/up/${i}`));
  assert.equal(definitions.peek("guest", at("/hi"))?.route?.source, "/hi");
  assert.equal(definitions.peek("guest", at("/made/up/1000"))?.route?.source, "/*");
  // A new route takes its path from the prefix, whichever function it leads to.
  await make("made", "/made/up/1000");
  definitions.changed("guest", "another function");
  assert.equal(definitions.peek("guest", at("/made/up/1000")), undefined);
  assert.equal(await found("/made/up/1000"), "/made/up/1000");
});

test("a revision that is held is not had by any name, others are, and it is had again", async () => {
  const { store, definitions } = await filled();
  await definitions.load("guest", byName);
  const why = new PlatformError("conflict", "not yet");
  definitions.hold(fn.id, 1, why);
  assert.equal(definitions.peek("guest", byName), undefined);
  for (const reference of [byName, byId, byRoute, { ...byName, revision: 1 }])
    await assert.rejects(definitions.load("guest", reference), why);
  await store.functions.update({ ...fn, revision: 2 });
  definitions.changed("guest", fn.id);
  assert.equal((await definitions.load("guest", byName)).fn.revision, 2);
  definitions.hold(fn.id, 1, null);
  assert.equal((await definitions.load("guest", { ...byName, revision: 1 })).fn.revision, 1);
});

test("a call that names the revision of a version runs as that; one that names none does not", async () => {
  const { store, definitions } = await filled();
  const version = { version: 7, revision: 1, description: "", createdAt: 0 };
  const said = { namespace: "guest", functionId: fn.id, tags: {}, lastVersion: 7, aliases: [], statements: {}, revision: 1 };
  await store.notes.put({ ...said, versions: [version] });
  const named = (await definitions.load("guest", { ...byName, revision: 1 })).fn;
  assert.deepEqual([named.version, named.variant], [7, "v7"]);
  const newest = (await definitions.load("guest", byName)).fn;
  assert.deepEqual([newest.version, newest.variant, newest.revision], [undefined, undefined, 1]);
});
