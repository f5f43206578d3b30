/** Functions, which of them are kept ready, and the code that they use. */
import assert from "node:assert/strict";
import type { Fn } from "../../../src/model/model.ts";
import { type It, aFunction, anApp, pages, refused } from "./samples.ts";

export function testFunctions(it: It): void {
  it("functions: every kind of source and every field comes back", async ({ apps, functions }) => {
    await apps.create(anApp({}));
    const sources: Fn["source"][] = [
      { type: "code", kind: "nodejs:24", digest: "ab", handler: "index.main", command: null },
      { type: "code", kind: "python:3.11", digest: "cd", handler: null, command: ["python3", "func.py"] },
      { type: "image", image: "example/hello:1" },
      { type: "executable", kind: "go:1", digest: "ef", command: ["./main", "--x"] },
    ];
    for (const [index, source] of sources.entries()) {
      const parameters = JSON.parse('{"__proto__":{"x":1},"deep":[1,2.5,null,{"é":true}]}') as Record<string, unknown>;
      const fn = aFunction({ id: `f${index}`, name: `f${index}`, source, parameters, annotations: { a: "1.0" } });
      await functions.create(fn);
      assert.deepEqual(await functions.get("guest", fn.id), fn);
    }
  });

  it("functions: the null app is a place of its own", async ({ apps, functions }) => {
    await apps.create(anApp({}));
    await functions.create(aFunction({ id: "in", name: "same" }));
    await functions.create(aFunction({ id: "null", name: "same", appId: null }));
    await refused("conflict", functions.create(aFunction({ id: "again", name: "same", appId: null })));
    await refused("conflict", functions.create(aFunction({ id: "again", name: "same" })));
    assert.equal((await functions.getByName("guest", null, "same"))?.id, "null");
    assert.equal((await functions.getByName("guest", "app1", "same"))?.id, "in");
    assert.deepEqual(await pages((page) => functions.list("guest", null, page), 5), ["same"]);
    assert.deepEqual(await pages((page) => functions.list("guest", "app1", page), 5), ["same"]);
    assert.deepEqual(await pages((page) => functions.list("guest", "app2", page), 5), []);
  });

  it("functions: need their app, in their namespace", async ({ apps, functions }) => {
    await apps.create(anApp({}));
    await refused("not_found", functions.create(aFunction({ appId: "app2" })));
    await refused("not_found", functions.create(aFunction({ namespace: "other" })));
    await functions.create(aFunction({}));
    await refused("not_found", functions.update(aFunction({ appId: "app2", revision: 2 })));
    await functions.update(aFunction({ memoryMiB: 256, revision: 2 }));
    assert.equal((await functions.get("guest", "fn1"))?.memoryMiB, 256);
    await refused("not_found", functions.remove("other", "fn1"));
  });
  it("functions: the path that one declares leads to it, in its app only", async ({ apps, functions }) => {
    await apps.create(anApp({}));
    await apps.create(anApp({ id: "app2", name: "app2" }));
    const make = (id: string, appId: string, path: string) =>
      functions.create(aFunction({ id, name: id, appId, annotations: { "polykiln/path": path } }));
    const at = async (path: string, appId = "app1") => (await functions.getByPath("guest", appId, path))?.id;
    await make("b", "app1", '"/hi"');
    await make("a", "app1", '"/hi"');
    await make("c", "app1", '"/ü \\"x"');
    await make("d", "app1", "7");
    assert.deepEqual([await at("/hi"), await at('/ü "x'), await at("/ho"), await at("7")], ["a", "c", undefined, undefined]);
    assert.deepEqual([await at("/hi", "app2"), await functions.getByPath("other", "app1", "/hi")], [undefined, undefined]);
    await functions.update(aFunction({ id: "a", name: "a", revision: 2, annotations: {} }));
    assert.equal(await at("/hi"), "b");
    await functions.remove("guest", "b");
    assert.equal(await at("/hi"), undefined);
  });
}

export function testProvisioned(it: It): void {
  it("functions: those that keep sandboxes ready are found without the others, in one namespace or all", async ({
    functions,
  }) => {
    const make = (id: string, change: Partial<Fn>) => functions.create(aFunction({ id, name: id, appId: null, ...change }));
    await make("a", { provisioned: 1 });
    await make("b", {});
    await make("c", { provisioned: 3, namespace: "other" });
    await make("d", { provisioned: 2 });
    assert.deepEqual(await pages((page) => functions.provisioned(null, page), 1, "id"), ["a", "c", "d"]);
    assert.deepEqual(await pages((page) => functions.provisioned("guest", page), 5, "id"), ["a", "d"]);
    await functions.update(aFunction({ id: "a", name: "a", appId: null, revision: 2, provisioned: 0 }));
    await functions.remove("other", "c");
    assert.deepEqual(await pages((page) => functions.provisioned(null, page), 5, "id"), ["d"]);
  });
  it("functions: code is in use while a revision that is kept has it", async ({ functions }) => {
    const used = (...digits: string[]) => Promise.all(digits.map((digit) => functions.usesCode(digit.repeat(64), null)));
    for (const id of ["a", "b"]) await functions.create(aFunction({ id, name: id, appId: null, source: withCode("1") }));
    for (let revision = 2; revision <= 3; revision++)
      await functions.update(aFunction({ id: "a", name: "a", appId: null, revision, source: withCode("2") }));
    assert.deepEqual(await used("1", "2", "3"), [true, true, false]);
    assert.deepEqual(
      [await functions.usesCode("2".repeat(64), "a"), await functions.usesCode("2".repeat(64), "b")],
      [true, false],
    );
    for (let revision = 4; revision <= 13; revision++)
      await functions.update(aFunction({ id: "a", name: "a", appId: null, revision, source: withCode("3") }));
    assert.deepEqual(await used("1", "2", "3"), [true, false, true]);
    await functions.remove("guest", "b");
    assert.deepEqual(await used("1", "3"), [false, true]);
  });
  it("functions: one is there until it is deleted, in whichever namespace", async ({ functions }) => {
    await functions.create(aFunction({ id: "a", name: "a", appId: null }));
    await functions.create(aFunction({ id: "b", name: "b", appId: null, namespace: "other" }));
    const there = () => Promise.all(["a", "b", "c"].map((id) => functions.exists(id)));
    assert.deepEqual(await there(), [true, true, false]);
    await functions.remove("other", "b");
    assert.deepEqual(await there(), [true, false, false]);
  });
  it("functions: what changed last comes first, in a namespace or an app", async ({ apps, functions }) => {
    await apps.create(anApp({}));
    for (const [index, appId] of ["app1", null, "app1"].entries())
      await functions.create(aFunction({ id: `f${index}`, name: `f${index}`, appId, updatedAt: 10 + index }));
    await functions.update(aFunction({ id: "f0", name: "f0", revision: 2, updatedAt: 20 }));
    const latest = async (appId: string | null | undefined, skip = 0, limit = 9) =>
      (await functions.latest("guest", appId, { skip, limit })).map(({ id }) => id);
    assert.deepEqual(await latest(undefined), ["f0", "f2", "f1"]);
    assert.deepEqual(await latest(undefined, 1, 1), ["f2"]);
    assert.deepEqual([await latest("app1"), await latest(null), await latest("none")], [["f0", "f2"], ["f1"], []]);
    const counts = ["app1", null, undefined].map((appId) => functions.count("guest", appId));
    assert.deepEqual([...(await Promise.all(counts)), await functions.count("other", undefined)], [2, 1, 3, 0]);
  });

  it("functions: the newest of a namespace come first", async ({ functions }) => {
    for (const id of ["b", "d", "a", "c"]) await functions.create(aFunction({ id, name: `x-${id}`, appId: null }));
    await functions.create(aFunction({ id: "e", name: "e", appId: null, namespace: "other" }));
    const newest = async (limit: number) => (await functions.newest("guest", limit)).map(({ id }) => id);
    assert.deepEqual(
      [await newest(3), await newest(10)],
      [
        ["d", "c", "b"],
        ["d", "c", "b", "a"],
      ],
    );
  });
}

const withCode = (digit: string) =>
  ({ type: "code", kind: "nodejs:24", digest: digit.repeat(64), handler: null, command: null }) as const;
