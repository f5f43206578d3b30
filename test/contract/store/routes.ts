/** Routes. */
import assert from "node:assert/strict";
import type { Store } from "../../../src/store/store.ts";
import { type It, aFunction, aRoute, anApp, pages, refused } from "./samples.ts";

export function testRoutes(it: It): void {
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
