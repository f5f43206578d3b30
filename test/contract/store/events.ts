/** Triggers and rules. */
import assert from "node:assert/strict";
import { type It, aFunction, aRule, aTrigger, pages, refused } from "./samples.ts";

export function testTriggersAndRules(it: It): void {
  it("triggers: create, get, update, list, remove", async ({ triggers }) => {
    const trigger = aTrigger({ parameters: { a: [1] }, annotations: { x: "1e2" } });
    await triggers.create(trigger);
    await refused("conflict", triggers.create(aTrigger({ id: "t2" })));
    assert.deepEqual(await triggers.getByName("guest", "fired"), trigger);
    await triggers.update({ ...trigger, name: "renamed", revision: 2 });
    assert.deepEqual(await pages((page) => triggers.list("guest", page), 1), ["renamed"]);
    await triggers.remove("guest", "t1");
    await refused("not_found", triggers.remove("guest", "t1"));
  });

  it("rules: need a trigger and a function", async ({ triggers, functions, rules }) => {
    await refused("not_found", rules.create(aRule({})));
    await triggers.create(aTrigger({}));
    await refused("not_found", rules.create(aRule({})));
    await functions.create(aFunction({ appId: null }));
    await rules.create(aRule({}));
    await refused("conflict", rules.create(aRule({ id: "u2" })));
    await rules.update(aRule({ active: false, revision: 2 }));
    assert.deepEqual(await rules.get("guest", "u1"), aRule({ active: false, revision: 2 }));
    assert.deepEqual(await rules.getByName("guest", "rule"), aRule({ active: false, revision: 2 }));
    assert.deepEqual(await pages((page) => rules.list("guest", page), 1), ["rule"]);
  });
}
