import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleApp, sampleFn } from "../../test/samples.ts";
import { PlatformError } from "../model/error.ts";
import { memoryStore } from "./memory/store.ts";
import { withNamespace } from "./overlay.ts";

const forbidden = (error: unknown) => error instanceof PlatformError && error.code === "forbidden";

async function overlaid() {
  const [below, above] = [memoryStore(), memoryStore()];
  for (const [store, name] of [
    [below, "guest"],
    [above, "system"],
  ] as const) {
    await store.namespaces.create({ id: name, name, createdAt: 0 });
    await store.apps.create(sampleApp({ namespace: name, id: `${name}-app`, name: "utils", published: true }));
    await store.functions.create(sampleFn({ namespace: name, id: `${name}-fn`, appId: `${name}-app`, name: "echo" }));
  }
  return withNamespace(below, "system", above);
}

test("a namespace that is read from elsewhere is beside the others, and in no list of them", async () => {
  const { namespaces, apps, functions } = await overlaid();
  for (const name of ["guest", "system"]) {
    assert.equal((await namespaces.getByName(name))?.id, name);
    assert.equal((await apps.getByName(name, "utils"))?.id, `${name}-app`);
    assert.equal((await functions.getByName(name, `${name}-app`, "echo"))?.id, `${name}-fn`);
    assert.equal((await apps.latestPublished(name, { skip: 0, limit: 9 })).length, 1);
    assert.equal(await functions.count(name, undefined), 1);
    assert.equal(await functions.exists(`${name}-fn`), true);
  }
  assert.deepEqual(
    (await namespaces.list({ limit: 9 })).items.map(({ name }) => name),
    ["guest"],
  );
});

test("nothing of it can be changed", async () => {
  const { namespaces, apps, functions } = await overlaid();
  const app = sampleApp({ namespace: "system", id: "system-app", revision: 2 });
  const fn = sampleFn({ namespace: "system", id: "system-fn", revision: 2 });
  const changes = [
    () => namespaces.create({ id: "x", name: "system", createdAt: 1 }),
    () => apps.create(app),
    () => apps.update(app),
    () => apps.remove("system", "system-app"),
    () => functions.create(fn),
    () => functions.update(fn),
    () => functions.setTraffic("system", "system-fn", []),
    () => functions.remove("system", "system-fn"),
  ];
  for (const change of changes) await assert.rejects(change, forbidden);
  assert.notEqual(await functions.get("system", "system-fn"), undefined);
});
