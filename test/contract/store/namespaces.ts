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

  it("limits of namespaces: kept as given, replaced, taken away", async ({ namespaces }) => {
    assert.deepEqual(await namespaces.limited(), []);
    await namespaces.setLimits("other", { callsMax: 0 });
    await namespaces.setLimits("guest", { callsPerMinuteMax: 60, firesPerMinuteMax: 1 });
    const guest = { namespace: "guest", limits: { callsPerMinuteMax: 60, firesPerMinuteMax: 1 } };
    assert.deepEqual(await namespaces.limited(), [guest, { namespace: "other", limits: { callsMax: 0 } }]);
    await namespaces.setLimits("other", {});
    assert.deepEqual(await namespaces.limited(), [guest]);
    await refused("not_found", namespaces.setLimits("nobody", {}));
    assert.deepEqual(await namespaces.getByName("guest"), { id: "n1", name: "guest", createdAt: 1 });
  });

  it("egress of namespaces: kept as given, replaced, taken away", async ({ namespaces }) => {
    assert.deepEqual(await namespaces.withEgress(), []);
    const egress = ["internet", "platform", "redis.internal:6379"];
    await namespaces.setEgress("other", "none");
    await namespaces.setEgress("guest", egress);
    const guest = { id: "n1", name: "guest", createdAt: 1, egress };
    assert.deepEqual(await namespaces.getByName("guest"), guest);
    const other = await namespaces.getByName("other");
    assert.equal(other?.egress, "none");
    assert.deepEqual(await namespaces.withEgress(), [guest, other]);
    await namespaces.setLimits("guest", { callsMax: 1 });
    await namespaces.setEgress("other", null);
    const { items } = await namespaces.list({ limit: 10 });
    assert.deepEqual(
      items.map((each) => each.egress),
      [egress, undefined],
    );
    assert.deepEqual(await namespaces.withEgress(), [guest]);
    await refused("not_found", namespaces.setEgress("nobody", null));
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
