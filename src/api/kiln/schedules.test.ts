import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleTrigger } from "../../../test/samples.ts";
import { openKiln } from "../../../test/kiln-door.ts";

test("a schedule is set, shown, listed and removed, and refused with what is wrong with it", async () => {
  const { send, store } = await openKiln();
  const path = "/triggers/tick/schedule";
  const daily = { timing: { cron: "0 3 * * *", timeZone: "Europe/Berlin" }, endsAt: "2999-01-01T00:00:00Z", payload: { n: 1.5 } };
  assert.equal((await send("PUT", path, daily)).status, 404);
  await store.triggers.create(sampleTrigger({ name: "tick" }));
  const { json } = await send("PUT", path, daily);
  assert.deepEqual([json.timing, json.payload, json.missed, json.fired], [daily.timing, { n: 1.5 }, "once", 0]);
  assert.match(json.nextAt, /T0[12]:00:00\.000Z$/);
  assert.deepEqual((await send("GET", path)).json, json);
  assert.deepEqual((await send("GET", "/schedules")).json.items, [json]);
  for (const [body, words] of [
    [{ timing: { cron: "* * *" } }, /has 3 fields/],
    [{ timing: { cron: "* * * * *", timeZone: "Nowhere" } }, /in the zone 'Nowhere'/],
    [{ timing: { everyMs: 10 } }, /timing/],
    [{ timing: { at: "soon" } }, /timing\.at is "soon"/],
    [{ timing: { cron: "* * * * *" }, startsAt: "never" }, /startsAt is "never"/],
    [{ timing: { everyMs: 60_000 }, endsAt: "2001-01-01T00:00:00Z" }, /never fire/],
    [{ timing: { everyMs: 60_000 }, more: 1 }, /more/],
  ] as const) {
    const refused = await send("PUT", path, body);
    assert.equal(refused.status, 400, JSON.stringify(body));
    assert.match(refused.json.message, words);
  }
  assert.equal((await send("DELETE", path)).status, 204);
  assert.equal((await send("GET", path)).status, 404);
});
