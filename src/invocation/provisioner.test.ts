import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleApp, sampleFn } from "../../test/samples.ts";
import { setWorld } from "../../test/set-world.ts";
import type { Fn } from "../model/model.ts";
import { memoryStore } from "../store/memory/store.ts";
import type { Store } from "../store/store.ts";
import { Provisioner } from "./provisioner.ts";

const named = (id: string, fields: Partial<Fn> = {}) => sampleFn({ id, name: id, provisioned: 2, ...fields });
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** What the agent was told last, by namespace: each function with its revision, its app's and how many. */
async function open(functions: Partial<Pick<Store["functions"], "provisioned">> = {}) {
  const world = setWorld();
  const store = memoryStore();
  for (const name of ["guest", "other"]) await store.namespaces.create({ id: name, name, createdAt: 0 });
  const told: Record<string, string[]> = {};
  const warnings: string[] = [];
  const provisioner = new Provisioner({
    world,
    store: {
      apps: store.apps,
      functions: {
        provisioned: (namespace, page) => store.functions.provisioned(namespace, page),
        get: (namespace, id) => store.functions.get(namespace, id),
        revision: (namespace, id, revision) => store.functions.revision(namespace, id, revision),
        ...functions,
      },
      notes: store.notes,
    },
    agent: {
      provision(namespace, wanted) {
        told[namespace] = wanted.map(
          ({ fn, app, count }) => `${fn.name}:${fn.revision}${fn.variant ?? ""}:${app?.revision ?? 0} x ${count}`,
        );
      },
    },
    warn: (sentence) => warnings.push(sentence),
  });
  return { world, store, told, warnings, provisioner };
}

test("at the start the agent is told of all namespaces, and after a change of the one it is in", async () => {
  const { store, told, provisioner } = await open();
  await store.apps.create(sampleApp({ id: "app" }));
  await store.functions.create(named("a"));
  await store.functions.create(named("none", { provisioned: 0 }));
  await store.functions.create(named("b", { appId: "app" }));
  await store.functions.create(named("c", { namespace: "other", provisioned: 3 }));
  provisioner.start();
  await settled();
  assert.deepEqual(told, { guest: ["a:1:0 x 2", "b:1:1 x 2"], other: ["c:1:0 x 3"] });
  await store.functions.update(named("a", { revision: 2, provisioned: 1 }));
  await store.apps.remove("guest", "app");
  provisioner.changed("guest");
  await settled();
  assert.deepEqual(told["guest"], ["a:2:0 x 1"]);
  await store.functions.remove("guest", "a");
  provisioner.changed("guest");
  await settled();
  assert.deepEqual(told, { guest: [], other: ["c:1:0 x 3"] });
  await provisioner.close();
});

test("revisions that share the calls share the sandboxes, the newest one's number of them", async () => {
  const { store, told, provisioner } = await open();
  await store.functions.create(named("a", { provisioned: 0 }));
  await store.functions.update(named("a", { revision: 2, provisioned: 5 }));
  await store.functions.setTraffic("guest", "a", [
    { revision: 1, weight: 9 },
    { revision: 2, weight: 1 },
  ]);
  provisioner.start();
  await settled();
  assert.deepEqual(told, { guest: ["a:1:0 x 5", "a:2:0 x 1"] });
  await provisioner.close();
});

test("what changes while it is read is read again: the last word is what is stored", async () => {
  const gate = Promise.withResolvers<void>();
  let reads = 0;
  const opened = await open({
    async provisioned(namespace, page) {
      const found = await opened.store.functions.provisioned(namespace, page);
      if (reads++ === 0) await gate.promise;
      return found;
    },
  });
  const { store, told, provisioner } = opened;
  await store.functions.create(named("a"));
  provisioner.start();
  await settled();
  await store.functions.update(named("a", { revision: 2 }));
  provisioner.changed("guest");
  provisioner.changed("guest");
  gate.resolve();
  await settled();
  assert.deepEqual([told, reads], [{ guest: ["a:2:0 x 2"] }, 2]);
  await provisioner.close();
});

test("a store that fails is read again, and after the close nobody is told anything", async () => {
  let fails = true;
  const opened = await open({
    async provisioned(namespace, page) {
      if (fails) throw new Error("no disk");
      return await opened.store.functions.provisioned(namespace, page);
    },
  });
  const { world, store, told, warnings, provisioner } = opened;
  await store.functions.create(named("a"));
  provisioner.start();
  await settled();
  assert.deepEqual([told, warnings.length], [{}, 1]);
  fails = false;
  world.pass(1000);
  await settled();
  assert.deepEqual(told, { guest: ["a:1:0 x 2"] });
  await store.functions.remove("guest", "a");
  provisioner.changed("guest");
  await provisioner.close();
  provisioner.changed("guest");
  await settled();
  assert.deepEqual(told, { guest: ["a:1:0 x 2"] });
});

test("versions and aliases keep sandboxes of their own, which are told their number", async () => {
  const { store, told, provisioner } = await open();
  await store.functions.create(named("a", { provisioned: 0 }));
  for (const revision of [2, 3]) await store.functions.update(named("a", { revision, provisioned: revision === 3 ? 1 : 0 }));
  const versions = [1, 2, 3].map((revision) => ({ version: revision, revision, description: "", createdAt: 0 }));
  const alias = { name: "live", description: "", version: 1, other: { version: 3, weight: 0.25 }, provisioned: 4, revision: 1 };
  const notes = { namespace: "guest", functionId: "a", tags: {}, lastVersion: 3, aliases: [alias], statements: {}, revision: 1 };
  await store.notes.put({ ...notes, versions: versions.map((each) => ({ ...each, provisioned: each.version === 2 ? 2 : 0 })) });
  provisioner.start();
  await settled();
  assert.deepEqual(told, { guest: ["a:3:0 x 1", "a:2v2:0 x 2", "a:1v1:0 x 3", "a:3v3:0 x 1"] });
  await store.notes.put({ ...notes, versions, aliases: [], revision: 2 });
  provisioner.changed("guest");
  await settled();
  assert.deepEqual(told, { guest: ["a:3:0 x 1"] });
  await provisioner.close();
});
