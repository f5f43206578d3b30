/** What is said about functions. */
import assert from "node:assert/strict";
import type { FnNotes } from "../../../src/model/fn-notes.ts";
import { type It, aFunction, anApp, refused } from "./samples.ts";

const first: FnNotes = {
  namespace: "guest",
  functionId: "fn1",
  tags: { team: "blue" },
  versions: [],
  lastVersion: 0,
  aliases: [],
  statements: {},
  revision: 1,
};
const versionOf = (version: number, revision: number) => ({ version, revision, description: "", createdAt: 1 });

export function testNotes(it: It): void {
  it("notes: one of each function, changed by whoever read it last, and gone with it", async ({ apps, functions, notes }) => {
    await refused("not_found", notes.put(first));
    await apps.create(anApp({}));
    await functions.create(aFunction({}));
    assert.equal(await notes.get("guest", "fn1"), undefined);
    await refused("conflict", notes.put({ ...first, revision: 2 }));
    await notes.put(first);
    assert.deepEqual(await notes.get("guest", "fn1"), first);
    assert.equal(await notes.get("other", "fn1"), undefined);
    await refused("conflict", notes.put(first));
    await refused("not_found", notes.put({ ...first, namespace: "other" }));
    await notes.put({ ...first, tags: {}, revision: 2 });
    assert.deepEqual((await notes.get("guest", "fn1"))?.tags, {});
    assert.equal((await functions.get("guest", "fn1"))?.revision, 1, "no revision was made");
    await apps.remove("guest", "app1");
    assert.equal(await notes.get("guest", "fn1"), undefined);
  });

  it("notes: revisions that are versions are kept, and only those that are there become one", async ({
    apps,
    functions,
    notes,
  }) => {
    await apps.create(anApp({}));
    await functions.create(aFunction({}));
    await refused("invalid", notes.put({ ...first, versions: [versionOf(1, 7)], lastVersion: 1 }));
    await notes.put({ ...first, versions: [versionOf(1, 1)], lastVersion: 1 });
    for (let revision = 2; revision <= 14; revision++) await functions.update(aFunction({ revision }));
    assert.equal((await functions.revision("guest", "fn1", 1))?.revision, 1);
    assert.equal(await functions.revision("guest", "fn1", 2), undefined);
    await notes.put({ ...first, lastVersion: 1, revision: 2 });
    assert.equal((await functions.revision("guest", "fn1", 1))?.revision, 1, "until the next one");
    await functions.update(aFunction({ revision: 15 }));
    assert.equal(await functions.revision("guest", "fn1", 1), undefined);
  });

  it("notes: found by the URLs that they say, for as long as they say them", async ({ apps, functions, notes }) => {
    const url = { alias: null, signed: false, streams: null, cors: null, createdAt: 1, updatedAt: 1 };
    await apps.create(anApp({}));
    await functions.create(aFunction({}));
    await notes.put({ ...first, urls: [{ ...url, id: "a1" }] });
    assert.equal((await notes.byUrl("a1"))?.functionId, "fn1");
    assert.equal(await notes.byUrl("a"), undefined);
    await notes.put({ ...first, urls: [{ ...url, id: "b2", alias: "live", cors: { origins: ["*"] } }], revision: 2 });
    assert.equal(await notes.byUrl("a1"), undefined);
    assert.deepEqual((await notes.byUrl("b2"))?.urls?.[0]?.cors, { origins: ["*"] });
    await functions.remove("guest", "fn1");
    assert.equal(await notes.byUrl("b2"), undefined);
  });

  it("notes: those that keep sandboxes ready, by version or by alias", async ({ functions, notes }) => {
    const ids = async (namespace: string | null, page: Parameters<typeof notes.provisioned>[1] = { limit: 10 }) =>
      (await notes.provisioned(namespace, page)).items.map(({ functionId }) => functionId);
    const ready = { ...versionOf(1, 1), provisioned: 2 };
    const alias = { name: "live", description: "", version: 1, other: null, provisioned: 1, revision: 1 };
    for (const [id, more] of [
      ["a", { versions: [ready] }],
      ["b", { versions: [versionOf(1, 1)] }],
      ["c", { versions: [versionOf(1, 1)], aliases: [alias] }],
      ["d", { aliases: [{ ...alias, version: null }] }],
    ] as const) {
      await functions.create(aFunction({ id, name: id, appId: null }));
      await notes.put({ ...first, functionId: id, lastVersion: 1, ...more });
    }
    await functions.create(aFunction({ namespace: "other", id: "e", name: "e", appId: null }));
    await notes.put({ ...first, namespace: "other", functionId: "e", versions: [ready], lastVersion: 1 });
    assert.deepEqual([await ids(null), await ids("guest"), await ids("other")], [["a", "c", "e"], ["a", "c"], ["e"]]);
    const page = await notes.provisioned(null, { limit: 2 });
    assert.equal(page.next, "c");
    assert.deepEqual(await ids(null, { after: "c", limit: 2 }), ["e"]);
    await notes.put({ ...first, functionId: "a", lastVersion: 1, revision: 2 });
    await functions.remove("guest", "c");
    assert.deepEqual(await ids(null), ["e"]);
  });

  it("notes: those that say how many calls are taken, or of a revision that is not ready", async ({ functions, notes }) => {
    const ids = async (page: Parameters<typeof notes.standing>[0] = { limit: 10 }) =>
      (await notes.standing(page)).items.map(({ functionId }) => functionId);
    for (const [id, more] of [
      ["a", { callsMax: 0 }],
      ["b", {}],
      ["c", { readying: { revision: 1, before: null, failure: null } }],
      ["d", { callsMax: 7, readying: { revision: 1, before: 1, failure: { code: "build_failed", message: "no such package" } } }],
    ] as const) {
      await functions.create(aFunction({ id, name: id, appId: null }));
      await notes.put({ ...first, functionId: id, ...more });
      assert.deepEqual(await notes.get("guest", id), { ...first, functionId: id, ...more });
    }
    assert.deepEqual(await ids(), ["a", "c", "d"]);
    assert.equal((await notes.standing({ limit: 2 })).next, "c");
    assert.deepEqual(await ids({ after: "c", limit: 2 }), ["d"]);
    await notes.put({ ...first, functionId: "a", revision: 2 });
    await functions.remove("guest", "c");
    assert.deepEqual(await ids(), ["d"]);
  });
}
