/** Apps. */
import assert from "node:assert/strict";
import { type It, aFunction, anApp, namesOf, pages, refused } from "./samples.ts";

export function testApps(it: It): void {
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

  it("apps: parameters, a binding and being published come back, and are gone when they were taken away", async ({ apps }) => {
    const app = anApp({ parameters: { a: [1], b: null }, published: true, binding: { namespace: "other", name: "shop" } });
    await apps.create(app);
    assert.deepEqual(await apps.get("guest", app.id), app);
    await apps.update(anApp({ revision: 2 }));
    assert.deepEqual(await apps.get("guest", app.id), anApp({ revision: 2 }));
  });

  it("apps: a binding has no functions", async ({ apps, functions }) => {
    await apps.create(anApp({ binding: { namespace: "other", name: "shop" } }));
    await refused("invalid", functions.create(aFunction({})));
    await apps.update(anApp({ revision: 2 }));
    await functions.create(aFunction({}));
  });

  it("apps: whatever changed last comes first, all of them or those that are published", async ({ apps }) => {
    await apps.create(anApp({ id: "1", name: "a", updatedAt: 1, published: true }));
    await apps.create(anApp({ id: "2", name: "b", updatedAt: 3 }));
    await apps.create(anApp({ id: "3", name: "c", updatedAt: 2, published: true }));
    await apps.create(anApp({ id: "1", name: "d", namespace: "other", published: true }));
    assert.deepEqual(namesOf(await apps.latest("guest", { skip: 0, limit: 10 })), ["b", "c", "a"]);
    assert.deepEqual(namesOf(await apps.latest("guest", { skip: 1, limit: 1 })), ["c"]);
    assert.deepEqual(namesOf(await apps.latestPublished("guest", { skip: 0, limit: 10 })), ["c", "a"]);
    assert.deepEqual(namesOf(await apps.latestPublished("guest", { skip: 1, limit: 10 })), ["a"]);
    assert.deepEqual([await apps.count("guest"), await apps.countPublished("guest")], [3, 2]);
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
