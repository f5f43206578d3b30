/** Schedules. */
import assert from "node:assert/strict";
import { sampleSchedule, sampleTrigger } from "../../samples.ts";
import { type It, pages, refused } from "./samples.ts";

export function testSchedules(it: It): void {
  it("schedules: one of each trigger, of which the last that was set holds, and gone with it", async ({
    schedules,
    triggers,
  }) => {
    const first = sampleSchedule({ triggerId: "t1", trigger: "fired", note: { any: [1] } });
    await refused("not_found", schedules.put(first));
    await triggers.create(sampleTrigger({}));
    await schedules.put(first);
    assert.deepEqual(await schedules.get("guest", "fired"), first);
    assert.equal(await schedules.get("other", "fired"), undefined);
    const second = { ...first, id: "s2", nextAt: 70 };
    await schedules.put(second);
    await schedules.advance({ ...first, fired: 9 });
    assert.deepEqual(await schedules.get("guest", "fired"), second, "one that is no longer there moves nothing");
    await schedules.advance({ ...second, fired: 1, nextAt: null });
    assert.deepEqual(await schedules.get("guest", "fired"), { ...second, fired: 1, nextAt: null });
    await refused("not_found", schedules.remove("other", "fired"));
    await schedules.remove("guest", "fired");
    await refused("not_found", schedules.remove("guest", "fired"));
    await schedules.put(first);
    await triggers.remove("guest", "t1");
    assert.equal(await schedules.get("guest", "fired"), undefined);
  });

  it("schedules: the longest due first, of all namespaces", async ({ schedules, triggers }) => {
    for (const [namespace, name, nextAt] of [
      ["guest", "a", 30],
      ["other", "b", 10],
      ["guest", "c", 20],
      ["guest", "over", null],
    ] as const) {
      await triggers.create(sampleTrigger({ namespace, id: name, name }));
      await schedules.put(sampleSchedule({ namespace, triggerId: name, trigger: name, id: name, nextAt }));
    }
    const due = async (at: number, limit: number) => (await schedules.due(at, limit)).map(({ trigger }) => trigger);
    assert.deepEqual(await due(25, 9), ["b", "c"]);
    assert.deepEqual(await due(99, 2), ["b", "c"]);
    assert.deepEqual(await due(9, 9), []);
    assert.equal(await schedules.nextAt(), 10);
    const page = (request: Parameters<typeof schedules.list>[1]) =>
      schedules
        .list("guest", request)
        .then(({ items, next }) => ({ items: items.map(({ trigger: name }) => ({ id: name, name })), next }));
    assert.deepEqual(await pages(page, 2), ["a", "c", "over"]);
    for (const name of ["a", "c"]) await triggers.remove("guest", name);
    await triggers.remove("other", "b");
    assert.equal(await schedules.nextAt(), null);
  });
}
