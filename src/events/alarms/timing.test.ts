import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleSchedule } from "../../../test/samples.ts";
import { PlatformError } from "../../model/error.ts";
import type { Schedule, Timing } from "../../model/schedule.ts";
import { checkTiming, nextFire } from "./timing.ts";

const at = (text: string) => Date.parse(text);
const cron = (expression: string, timeZone: string | null = null): Timing => ({ by: "cron", expression, timeZone });

/** The next fires, one after the other. */
function fires(timing: Timing, from: string, count: number, fields: Partial<Schedule> = {}): string[] {
  const found: string[] = [];
  let after = at(from);
  while (found.length < count) {
    const next = nextFire(sampleSchedule({ timing, createdAt: at(from), fired: found.length, ...fields }), after);
    if (next === null) break;
    found.push(new Date(next).toISOString().replace(".000Z", "Z"));
    after = next;
  }
  return found;
}

test("a cron expression has five fields, or six with seconds first", () => {
  assert.deepEqual(fires(cron("30 4 * * 1"), "2026-11-20T00:00:00Z", 2), ["2026-11-23T04:30:00Z", "2026-11-30T04:30:00Z"]);
  assert.deepEqual(fires(cron("*/20 * * * * *"), "2026-11-20T00:00:05Z", 3), [
    "2026-11-20T00:00:20Z",
    "2026-11-20T00:00:40Z",
    "2026-11-20T00:01:00Z",
  ]);
});

test("a cron expression is of a time zone: what a change of the clock leaves out comes after it, and nothing comes twice", () => {
  const berlin = cron("30 2 * * *", "Europe/Berlin");
  assert.deepEqual(fires(berlin, "2026-03-27T12:00:00Z", 3), [
    "2026-03-28T01:30:00Z",
    "2026-03-29T01:30:00Z",
    "2026-03-30T00:30:00Z",
  ]);
  assert.deepEqual(fires(berlin, "2026-10-24T12:00:00Z", 2), ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
});

test("an interval begins where it is told to, or after itself, and keeps its beat", () => {
  const every: Timing = { by: "interval", everyMs: 60_000 };
  assert.deepEqual(fires(every, "2026-11-20T00:00:10Z", 2), ["2026-11-20T00:01:10Z", "2026-11-20T00:02:10Z"]);
  const startsAt = at("2026-11-20T01:00:00Z");
  assert.deepEqual(fires(every, "2026-11-20T00:00:10Z", 2, { startsAt }), ["2026-11-20T01:00:00Z", "2026-11-20T01:01:00Z"]);
  const late = nextFire(sampleSchedule({ timing: every, createdAt: 0 }), 600_001);
  assert.equal(late, 660_000);
});

test("once is once, also when it is late", () => {
  const once: Timing = { by: "once", at: 5000 };
  assert.equal(nextFire(sampleSchedule({ timing: once, fired: 0 }), 9000), 5000);
  assert.equal(nextFire(sampleSchedule({ timing: once, fired: 1 }), 0), null);
});

test("nothing fires before its start, after its end, or more often than it may", () => {
  const bounds = { startsAt: at("2026-11-20T02:00:00Z"), endsAt: at("2026-11-20T04:00:00Z") };
  assert.deepEqual(fires(cron("0 * * * *"), "2026-11-20T00:00:00Z", 9, bounds), [
    "2026-11-20T02:00:00Z",
    "2026-11-20T03:00:00Z",
    "2026-11-20T04:00:00Z",
  ]);
  assert.equal(fires(cron("0 * * * *"), "2026-11-20T00:00:00Z", 9, { firesMax: 2 }).length, 2);
});

for (const [timing, words] of [
  [cron("* * *"), /has 3 fields/],
  [cron("* * * * * * 2027"), /has 7 fields/],
  [cron("61 * * * *"), /cannot be understood/],
  [cron("* * * * *", "No/Where"), /in the zone 'No\/Where'/],
  [{ by: "interval", everyMs: 0 } as const, /at least/],
] as const) {
  test(`refused: ${JSON.stringify(timing)}`, () => {
    assert.throws(
      () => checkTiming(timing),
      (error) => error instanceof PlatformError && error.code === "invalid" && words.test(error.message),
    );
  });
}
