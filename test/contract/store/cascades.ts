/** What goes with what is removed. */
import assert from "node:assert/strict";
import type { Store } from "../../../src/store/store.ts";
import { sampleTrigger, sampleRule } from "../../samples.ts";
import { type It, aFunction, aRoute, anApp } from "./samples.ts";

export function testCascades(it: It): void {
  it("removing an app removes its functions and routes, no rules, and nobody else's", async (store) => {
    await furnish(store);
    await store.functions.create(aFunction({ id: "free", appId: null }));
    await store.apps.create(anApp({ namespace: "other" }));
    await store.functions.create(aFunction({ namespace: "other" }));
    await store.apps.remove("guest", "app1");
    assert.deepEqual(await left(store), [undefined, undefined, "u1"]);
    assert.equal((await store.functions.get("guest", "free"))?.id, "free");
    assert.equal((await store.functions.get("other", "fn1"))?.id, "fn1");
    await store.triggers.remove("guest", "t1");
    await store.rules.remove("guest", "u1");
    await furnish(store);
  });

  it("removing a function removes its routes and leaves its rules", async (store) => {
    await furnish(store);
    await store.functions.remove("guest", "fn1");
    assert.deepEqual(await left(store), [undefined, undefined, "u1"]);
  });

  it("removing a trigger leaves its rules, which no other one of that name gets", async (store) => {
    await furnish(store);
    await store.triggers.remove("guest", "t1");
    assert.deepEqual(await left(store), ["fn1", "r1", "u1"]);
    await store.triggers.create(sampleTrigger({ id: "t2" }));
    assert.deepEqual(await store.rules.ofTrigger("guest", "t2"), []);
    assert.deepEqual(await store.rules.ofTrigger("guest", "t1"), [sampleRule({})]);
  });
}

async function furnish(store: Store): Promise<void> {
  await store.apps.create(anApp({}));
  await store.functions.create(aFunction({}));
  await store.routes.create(aRoute({}));
  await store.triggers.create(sampleTrigger({}));
  await store.rules.create(sampleRule({}));
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
