/** APIs of namespaces. */
import assert from "node:assert/strict";
import type { Api } from "../../../src/model/model.ts";
import { type It, namesOf, pages, refused } from "./samples.ts";

function anApi(change: Partial<Api>): Api {
  const document = '{"basePath":"/shop","emoji":"🛒"}';
  return {
    id: "a1",
    namespace: "guest",
    name: "/shop",
    title: "Shop",
    document,
    revision: 1,
    createdAt: 10,
    updatedAt: 11,
    ...change,
  };
}

export function testApis(it: It): void {
  it("APIs: one of each base path in a namespace, changed by who has read it last", async ({ gatewayApis }) => {
    await refused("not_found", gatewayApis.create(anApi({ namespace: "nobody" })));
    await gatewayApis.create(anApi({}));
    await refused("conflict", gatewayApis.create(anApi({ id: "a2" })));
    await gatewayApis.create(anApi({ namespace: "other" }));
    assert.deepEqual(await gatewayApis.getByName("guest", "/shop"), anApi({}));
    assert.equal(await gatewayApis.getByName("guest", "/SHOP"), undefined);
    const changed = anApi({ document: "{}", title: "Store", revision: 2, updatedAt: 12 });
    await gatewayApis.update(changed);
    await refused("conflict", gatewayApis.update(changed));
    assert.deepEqual(await gatewayApis.get("guest", "a1"), changed);
    assert.deepEqual(await gatewayApis.get("other", "a1"), anApi({ namespace: "other" }));
    await refused("not_found", gatewayApis.remove("guest", "a2"));
    await gatewayApis.remove("guest", "a1");
    await refused("not_found", gatewayApis.update({ ...changed, revision: 3 }));
    assert.deepEqual(await gatewayApis.names("guest"), []);
    assert.deepEqual(await gatewayApis.names("other"), ["/shop"]);
  });

  it("APIs: by name, by title, and the last changed first", async ({ gatewayApis }) => {
    for (const [name, title, updatedAt] of [
      ["/c", "One", 3],
      ["/a", "Two", 1],
      ["/b", "One", 5],
    ] as const) {
      await gatewayApis.create(anApi({ id: name, name, title, updatedAt }));
    }
    await gatewayApis.create(anApi({ namespace: "other", title: "One" }));
    assert.deepEqual(await pages((page) => gatewayApis.list("guest", page), 2), ["/a", "/b", "/c"]);
    assert.deepEqual((await gatewayApis.names("guest")).toSorted(), ["/a", "/b", "/c"]);
    assert.deepEqual(namesOf(await gatewayApis.latest("guest", { skip: 1, limit: 5 })), ["/c", "/a"]);
    assert.deepEqual(namesOf(await gatewayApis.titled("guest", "One")), ["/b", "/c"]);
    assert.deepEqual(await gatewayApis.titled("guest", "one"), []);
    assert.equal(await gatewayApis.count("guest"), 3);
  });
}
