import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleApp, sampleFn } from "../../test/samples.ts";
import { memoryStore } from "../store/memory/store.ts";
import { expectStored } from "./expected.ts";

test("the newest functions of each namespace are expected, the newest last, with their apps", async () => {
  const store = memoryStore();
  for (const name of ["guest", "other", "empty"]) await store.namespaces.create({ id: `ns-${name}`, name, createdAt: 0 });
  const app = sampleApp({ id: "app", namespace: "other" });
  await store.apps.create(app);
  for (let n = 0; n < 105; n++) {
    const id = `fn-${String(n).padStart(3, "0")}`;
    await store.functions.create(sampleFn({ id, name: id, appId: null, namespace: "guest" }));
  }
  await store.functions.create(sampleFn({ id: "in-app", name: "in-app", appId: "app", namespace: "other" }));
  const heard: string[] = [];
  await expectStored(store, { expect: (fn, of) => heard.push(`${fn.id} ${of?.id ?? ""}`) });
  assert.equal(heard.length, 101);
  assert.deepEqual([heard[0], heard[99], heard[100]], ["fn-005 ", "fn-104 ", "in-app app"]);
});
