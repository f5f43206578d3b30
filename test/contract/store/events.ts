/** Triggers and rules. */
import assert from "node:assert/strict";
import { sampleTrigger, sampleRule } from "../../samples.ts";
import { type It, namesOf, pages, refused } from "./samples.ts";

export function testTriggersAndRules(it: It): void {
  it("triggers: create, get, update, list, remove", async ({ triggers }) => {
    const trigger = sampleTrigger({ parameters: { a: [1] }, annotations: { x: "1e2" } });
    await triggers.create(trigger);
    await refused("conflict", triggers.create(sampleTrigger({ id: "t2" })));
    assert.deepEqual(await triggers.getByName("guest", "fired"), trigger);
    await triggers.update({ ...trigger, name: "renamed", revision: 2 });
    assert.deepEqual(await pages((page) => triggers.list("guest", page), 1), ["renamed"]);
    await triggers.remove("guest", "t1");
    await refused("not_found", triggers.remove("guest", "t1"));
  });

  it("rules: need a trigger, and no function", async ({ triggers, rules }) => {
    await refused("not_found", rules.create(sampleRule({})));
    await triggers.create(sampleTrigger({}));
    await rules.create(sampleRule({}));
    await refused("conflict", rules.create(sampleRule({ id: "u2" })));
    await rules.update(sampleRule({ active: false, revision: 2 }));
    assert.deepEqual(await rules.get("guest", "u1"), sampleRule({ active: false, revision: 2 }));
    assert.deepEqual(await rules.getByName("guest", "rule"), sampleRule({ active: false, revision: 2 }));
    assert.deepEqual(await pages((page) => rules.list("guest", page), 1), ["rule"]);
    await triggers.remove("guest", "t1");
    await refused("not_found", rules.update(sampleRule({ revision: 3 })));
  });

  it("rules: those of one trigger, the oldest first, and nobody else's", async ({ triggers, rules }) => {
    await triggers.create(sampleTrigger({}));
    await triggers.create(sampleTrigger({ id: "t2", name: "second" }));
    await triggers.create(sampleTrigger({ namespace: "other" }));
    const target = { namespace: "other", app: null, name: "far" };
    const mine = [
      sampleRule({ id: "1", name: "b", target, annotations: { x: "1.0" } }),
      sampleRule({ id: "2", name: "a", active: false }),
    ];
    for (const rule of mine.toReversed()) await rules.create(rule);
    await rules.create(sampleRule({ id: "3", name: "c", triggerId: "t2", triggerName: "second" }));
    await rules.create(sampleRule({ namespace: "other" }));
    assert.deepEqual(await rules.ofTrigger("guest", "t1"), mine);
    assert.deepEqual(await rules.ofTrigger("guest", "t9"), []);
  });

  it("triggers and rules: whatever changed last comes first, and is counted", async ({ triggers, rules }) => {
    for (const [index, name] of ["a", "b", "c"].entries()) {
      await triggers.create(sampleTrigger({ id: name, name, updatedAt: 10 - index }));
      await rules.create(sampleRule({ id: name, name, triggerId: name, updatedAt: 5 }));
    }
    assert.deepEqual(namesOf(await triggers.latest("guest", { skip: 0, limit: 2 })), ["a", "b"]);
    assert.deepEqual(namesOf(await rules.latest("guest", { skip: 1, limit: 9 })), ["b", "a"]);
    assert.deepEqual([await triggers.count("guest"), await rules.count("guest"), await rules.count("other")], [3, 3, 0]);
  });
}
