/** Revisions of functions. */
import assert from "node:assert/strict";
import { type It, aFunction, anApp, refused } from "./samples.ts";

export function testRevisions(it: It): void {
  it("functions: revisions are kept, the newest ten and those with traffic, and go with their function", async ({
    apps,
    functions,
  }) => {
    await apps.create(anApp({}));
    await functions.create(aFunction({}));
    for (let revision = 2; revision <= 4; revision++) await functions.update(aFunction({ revision, memoryMiB: 128 + revision }));
    assert.deepEqual(await functions.revision("guest", "fn1", 3), aFunction({ revision: 3, memoryMiB: 131 }));
    await functions.setTraffic("guest", "fn1", [
      { revision: 2, weight: 90 },
      { revision: 4, weight: 10 },
    ]);
    assert.deepEqual((await functions.get("guest", "fn1"))?.traffic, [
      { revision: 2, weight: 90 },
      { revision: 4, weight: 10 },
    ]);
    assert.equal((await functions.get("guest", "fn1"))?.revision, 4);
    assert.deepEqual((await functions.revision("guest", "fn1", 2))?.traffic, []);
    await refused("invalid", functions.setTraffic("guest", "fn1", [{ revision: 5, weight: 1 }]));
    await refused("not_found", functions.setTraffic("other", "fn1", []));
    assert.equal((await functions.get("guest", "fn1"))?.traffic.length, 2);
    const traffic = [{ revision: 2, weight: 1 }];
    for (let revision = 5; revision <= 14; revision++) await functions.update(aFunction({ revision, traffic }));
    const kept = await functions.revisions("guest", "fn1", { limit: 100 });
    assert.deepEqual(
      kept.items.map((fn) => fn.revision),
      [14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 2],
    );
    const second = await functions.revisions("guest", "fn1", { after: "13", limit: 2 });
    assert.deepEqual([second.items.map((fn) => fn.revision), second.next], [[12, 11], "11"]);
    assert.equal(await functions.revision("guest", "fn1", 3), undefined);
    assert.equal(await functions.revision("other", "fn1", 14), undefined);
    await functions.remove("guest", "fn1");
    assert.deepEqual((await functions.revisions("guest", "fn1", { limit: 10 })).items, []);
    await functions.create(aFunction({}));
    assert.deepEqual(
      (await functions.revisions("guest", "fn1", { limit: 10 })).items.map((fn) => fn.revision),
      [1],
    );
    await apps.remove("guest", "app1");
    assert.equal(await functions.revision("guest", "fn1", 1), undefined);
  });
}
