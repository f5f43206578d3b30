import assert from "node:assert/strict";
import { test } from "node:test";
import { Cron } from "croner";
import { NoTiming, timingOf } from "./timing.ts";

/** Fires from a Sunday on, in UTC, as day and time; the clock is the one that alarms have. */
function fires(expression: string, from = "2026-11-22T00:00:00Z"): string[] {
  const { timing, startsAt } = timingOf(expression);
  assert.ok("cron" in timing);
  const begin = startsAt !== null && startsAt > from ? startsAt : from;
  const runs = new Cron(timing.cron, { paused: true, timezone: "UTC" }).nextRuns(3, new Date(Date.parse(begin) - 1));
  return runs.map((run) => run.toISOString().slice(0, 16));
}

const cases: Readonly<Record<string, readonly string[]>> = {
  "cron(0 10 * * ? *)": ["2026-11-22T10:00", "2026-11-23T10:00", "2026-11-24T10:00"],
  "cron(15 12 ? * 1 *)": ["2026-11-22T12:15", "2026-11-29T12:15", "2026-12-06T12:15"],
  "cron(0 18 ? * MON-FRI *)": ["2026-11-23T18:00", "2026-11-24T18:00", "2026-11-25T18:00"],
  "cron(0 18 ? * SAT-MON *)": ["2026-11-22T18:00", "2026-11-23T18:00", "2026-11-28T18:00"],
  "cron(0 8 1 * ? *)": ["2026-12-01T08:00", "2027-01-01T08:00", "2027-02-01T08:00"],
  "cron(0/15 * * * ? *)": ["2026-11-22T00:00", "2026-11-22T00:15", "2026-11-22T00:30"],
  "cron(5/25 9 * * ? *)": ["2026-11-22T09:05", "2026-11-22T09:30", "2026-11-22T09:55"],
  "cron(0 9 ? * 2#1 *)": ["2026-12-07T09:00", "2027-01-04T09:00", "2027-02-01T09:00"],
  "cron(0 9 ? * 6L *)": ["2026-11-27T09:00", "2026-12-25T09:00", "2027-01-29T09:00"],
  "cron(0 9 ? * L *)": ["2026-11-28T09:00", "2026-12-05T09:00", "2026-12-12T09:00"],
  "cron(0 9 L * ? *)": ["2026-11-30T09:00", "2026-12-31T09:00", "2027-01-31T09:00"],
  "cron(0 9 15W * ? *)": ["2026-12-15T09:00", "2027-01-15T09:00", "2027-02-15T09:00"],
  "cron(0 9 LW * ? *)": ["2026-11-30T09:00", "2026-12-31T09:00", "2027-01-29T09:00"],
  "cron(0 0 1 JAN,jul ? *)": ["2027-01-01T00:00", "2027-07-01T00:00", "2028-01-01T00:00"],
  "cron(0 0 1 1 ? 2030)": ["2030-01-01T00:00", "2031-01-01T00:00", "2032-01-01T00:00"],
};

for (const [expression, expected] of Object.entries(cases))
  test(`${expression} fires when EventBridge does`, () => assert.deepEqual(fires(expression), expected));

test("years are a start and an end, rates are intervals, and times are times", () => {
  const { startsAt, endsAt } = timingOf("cron(0 0 1 1 ? 2030-2031)");
  assert.deepEqual([startsAt, endsAt], ["2030-01-01T00:00:00.000Z", "2031-12-31T23:59:59.000Z"]);
  assert.deepEqual(timingOf("rate(5 minutes)").timing, { everyMs: 300_000 });
  assert.deepEqual(timingOf(" rate(1 day) ").timing, { everyMs: 86_400_000 });
  assert.deepEqual(timingOf("at(2027-01-31T09:00:00)").timing, { at: "2027-01-31T09:00:00Z" });
  assert.deepEqual(timingOf("cron(0 9 * * ? *)", "Europe/Berlin").timing, { cron: "0 9 * * *", timeZone: "Europe/Berlin" });
});

const wrong: Readonly<Record<string, RegExp>> = {
  "every day": /none of rate\(…\), cron\(…\) and at\(…\)/,
  "rate(0 minutes)": /whole number above 0/,
  "rate(1.5 hours)": /whole number above 0/,
  "rate(2 weeks)": /minutes, hours or days/,
  "cron(0 9 * * ?)": /has 5 fields/,
  "cron(0 9 * * * *)": /\? as its day or as its weekday/,
  "cron(0 9 ? * ? *)": /\? as its day or as its weekday/,
  "cron(60 9 * * ? *)": /'60' says no minutes from 0 to 59/,
  "cron(0 9 ? * 0 *)": /'0' says no weekday from 1 to 7/,
  "cron(0 9 ? * FUNDAY *)": /'FUNDAY' says no weekday/,
  "cron(0/0 9 * * ? *)": /says no minutes/,
  "cron(0 9 L-3 * ? *)": /L-3 \(days before the last one\) has no counterpart/,
  "cron(0 9 * * ? 2027,2029)": /years 2027,2029 have no counterpart/,
  "cron(0 9 * * ? 2030-2027)": /years 2030-2027/,
  "at(tomorrow)": /no time such as/,
};

for (const [expression, why] of Object.entries(wrong))
  test(`${expression} is refused`, () =>
    assert.throws(
      () => timingOf(expression),
      (error) => error instanceof NoTiming && why.test(error.message),
    ));
