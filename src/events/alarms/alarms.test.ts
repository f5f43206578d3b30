import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleRule, sampleTrigger } from "../../../test/samples.ts";
import { setWorld } from "../../../test/set-world.ts";
import { PlatformError } from "../../model/error.ts";
import { memoryStore } from "../../store/memory/store.ts";
import type { Event } from "../events.ts";
import { Alarms, type WantedSchedule } from "./alarms.ts";

const everyMinute: WantedSchedule = {
  timing: { by: "interval", everyMs: 60_000 },
  startsAt: null,
  endsAt: null,
  firesMax: null,
  missed: "once",
  afterwards: "nothing",
  payload: '{"n":1.50}',
  note: null,
};

/** Alarms whose clock a test moves. `outcome` is what firing comes to. */
async function assembled() {
  const world = setWorld();
  const store = memoryStore();
  await store.namespaces.create({ id: "n1", name: "guest", createdAt: 0 });
  await store.triggers.create(sampleTrigger({ id: "t1", name: "tick" }));
  const fired: Event[] = [];
  const outcome: { error: PlatformError | null } = { error: null };
  const events = {
    async fire(event: Event) {
      if (outcome.error !== null) throw outcome.error;
      fired.push(event);
      return { activationId: null };
    },
    changed: () => {},
  };
  const begun = () => {
    const alarms = new Alarms({ world, store, events, warn: () => {} });
    alarms.start();
    return alarms;
  };
  /** Lets time pass in small steps, with what happens meanwhile. */
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 1000) {
      await settled();
      world.pass(Math.min(1000, left));
    }
    await settled();
  };
  return { world, store, fired, outcome, begun, pass };
}

async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

test("a trigger is fired at each of its times, with the payload as it was given", async () => {
  const { fired, begun, pass, store } = await assembled();
  await begun().put("guest", "tick", everyMinute);
  await pass(59_000);
  assert.equal(fired.length, 0);
  await pass(122_000);
  assert.equal(fired.length, 3);
  const [{ namespace, trigger, body, caller }] = fired as [Event];
  assert.deepEqual([namespace, trigger, body.toString(), caller.namespaces], ["guest", "tick", '{"n":1.50}', ["guest"]]);
  assert.equal((await store.schedules.get("guest", "tick"))?.fired, 3);
});

test("what was missed while no server ran is made up for once, or not at all", async () => {
  for (const [missed, count] of [
    ["once", 1],
    ["skip", 0],
  ] as const) {
    const { fired, begun, pass, world } = await assembled();
    const first = begun();
    await first.put("guest", "tick", { ...everyMinute, missed });
    await first.stop();
    world.pass(10 * 60_000 + 30_000);
    begun();
    await pass(1000);
    assert.equal(fired.length, count, missed);
    await pass(60_000);
    assert.equal(fired.length, count + 1, "and it goes on in its beat");
  }
});

test("an event that could not be taken is tried again until it is", async () => {
  const { fired, begun, pass, outcome } = await assembled();
  await begun().put("guest", "tick", everyMinute);
  outcome.error = new PlatformError("overloaded", "full");
  await pass(75_000);
  outcome.error = null;
  await pass(10_000);
  assert.equal(fired.length, 1);
});

test("a schedule goes with its trigger", async () => {
  const { begun, pass, outcome, store } = await assembled();
  await begun().put("guest", "tick", everyMinute);
  outcome.error = new PlatformError("not_found", "gone");
  await pass(61_000);
  assert.equal(await store.schedules.get("guest", "tick"), undefined);
});

test("when it is over, its trigger goes, and the rules of it, as was wanted", async () => {
  for (const [afterwards, left] of [
    ["nothing", [1, 1]],
    ["trigger", [0, 1]],
    ["trigger and rules", [0, 0]],
  ] as const) {
    const { begun, pass, store, fired } = await assembled();
    await store.rules.create(sampleRule({ triggerId: "t1" }));
    await begun().put("guest", "tick", { ...everyMinute, firesMax: 2, afterwards });
    await pass(200_000);
    assert.equal(fired.length, 2);
    assert.deepEqual([await store.triggers.count("guest"), await store.rules.count("guest")], left, afterwards);
  }
});

const code = (wanted: string) => (error: unknown) => error instanceof PlatformError && error.code === wanted;

test("what would never fire, and what has no trigger, is refused", async () => {
  const { begun, world } = await assembled();
  const alarms = begun();
  await assert.rejects(alarms.put("guest", "tick", { ...everyMinute, endsAt: world.now() + 1 }), code("invalid"));
  await assert.rejects(alarms.put("guest", "tock", everyMinute), code("not_found"));
});
