/** Namespaces and their keys. */
import assert from "node:assert/strict";
import { type It, pages, refused } from "./samples.ts";

export function testNamespacesAndKeys(it: It): void {
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
