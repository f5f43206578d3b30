/** Layers, and the code that they keep. */
import assert from "node:assert/strict";
import type { Layer, LayerVersion } from "../../../src/model/layer.ts";
import { aFunction, type It, refused } from "./samples.ts";

const digest = (letter: string) => letter.repeat(64);

const version: LayerVersion = {
  version: 1,
  digest: digest("a"),
  bytes: 10,
  unpackedBytes: 20,
  description: "",
  license: "",
  runtimes: [],
  architectures: [],
  statements: {},
  users: {},
  createdAt: 1,
};
const first: Layer = { namespace: "guest", name: "tools", versions: [version], lastVersion: 1, revision: 1 };

export function testLayers(it: It): void {
  it("layers: by name, changed by whoever read them last, listed while they have versions", async ({ layers }) => {
    await refused("not_found", layers.put({ ...first, namespace: "nobody" }));
    await refused("conflict", layers.put({ ...first, revision: 2 }));
    await layers.put(first);
    assert.deepEqual(await layers.get("guest", "tools"), first);
    assert.equal(await layers.get("other", "tools"), undefined);
    await refused("conflict", layers.put(first));
    for (const name of ["b", "a", "Z"]) await layers.put({ ...first, name });
    await layers.put({ ...first, name: "a", versions: [], revision: 2 });
    const page = await layers.list("guest", { limit: 2 });
    assert.deepEqual(
      page.items.map(({ name }) => name),
      ["Z", "b"],
    );
    assert.deepEqual(
      (await layers.list("guest", { limit: 2, after: page.next ?? "" })).items.map(({ name }) => name),
      ["tools"],
    );
    assert.equal((await layers.get("guest", "a"))?.lastVersion, 1);
    assert.deepEqual(await layers.list("other", { limit: 2 }), { items: [], next: null });
  });

  it("layers: their code is in use while a version has it, and while a kept revision of a function does", async ({
    layers,
    functions,
  }) => {
    await layers.put(first);
    assert.equal(await layers.usesCode(digest("a")), true);
    assert.equal(await functions.usesCode(digest("a"), null), false);
    const source = { type: "code", kind: "nodejs:24", digest: digest("c"), handler: null, command: null } as const;
    const used = { namespace: "guest", name: "tools", version: 1, digest: digest("a"), bytes: 10, unpackedBytes: 20 };
    await functions.create(aFunction({ appId: null, source: { ...source, layers: [used] } }));
    await layers.put({ ...first, versions: [], revision: 2 });
    assert.equal(await layers.usesCode(digest("a")), false);
    assert.equal(await functions.usesCode(digest("a"), null), true);
    assert.equal(await functions.usesCode(digest("a"), "fn1"), true);
    assert.equal(await functions.usesCode(digest("a"), "fn2"), false);
    assert.equal(await functions.usesCode(digest("b"), null), false);
    await functions.remove("guest", "fn1");
    assert.equal(await functions.usesCode(digest("a"), null), false);
  });
}
