import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleActivation } from "../../test/samples.ts";
import type { Activation } from "../model/model.ts";
import { CallMetrics } from "./calls.ts";
import { Metrics } from "./metrics.ts";
import { spanMs, spansKept } from "./recent.ts";

const now = 1_800_000_000_000;

function record(fields: Partial<Activation> = {}): Activation {
  return sampleActivation({ appId: "app1", startedAt: now, endedAt: now, ...fields });
}

test("calls are counted by function, status and start type, and durations add up", async () => {
  const metrics = new Metrics({ appName: async () => "my app" });
  for (const runMs of [0.5, 1.5, 15, 700_000]) metrics.calls.ended(record({ runMs, waitMs: 0.25 }));
  metrics.calls.ended(record({ status: "timeout", start: "cold", createMs: 40, initMs: 12 }));
  metrics.calls.ended(record({ functionId: "f2", functionName: 'odd "name"\\\n', appId: null }));
  metrics.calls.refused("guest", "sandboxes");
  metrics.calls.refused("guest", "sandboxes");
  const text = await metrics.render(null);
  const labels = 'namespace="guest",app="my app",function="hello"';
  for (const line of [
    `polykiln_calls_total{${labels},status="success",start="hot"} 4`,
    `polykiln_calls_total{${labels},status="timeout",start="cold"} 1`,
    'polykiln_calls_total{namespace="guest",app="_",function="odd \\"name\\"\\\\\\n",status="success",start="hot"} 1',
    `polykiln_call_duration_seconds_bucket{${labels},le="0.001"} 1`,
    `polykiln_call_duration_seconds_bucket{${labels},le="0.002"} 2`,
    `polykiln_call_duration_seconds_bucket{${labels},le="0.02"} 3`,
    `polykiln_call_duration_seconds_bucket{${labels},le="300"} 4`,
    `polykiln_call_duration_seconds_bucket{${labels},le="+Inf"} 5`,
    `polykiln_call_duration_seconds_count{${labels}} 5`,
    'polykiln_call_wait_seconds_sum{start="hot"} 0.001',
    "polykiln_sandbox_create_seconds_sum 0.04",
    "polykiln_sandbox_init_seconds_count 1",
    'polykiln_refused_total{namespace="guest",limit="sandboxes"} 2',
  ]) {
    assert.ok(text.includes(`${line}\n`), `${line} in\n${text}`);
  }
  assert.match(text, /^(?:# (?:HELP|TYPE) polykiln_\w+ [^\n]+\n|polykiln_\w+(?:\{[^\n]*\})? [\d.e+-]+\n)+$/);
});

test("who may see some namespaces sees only theirs", async () => {
  const metrics = new Metrics({ appName: async () => undefined });
  metrics.calls.ended(record());
  metrics.calls.ended(record({ namespace: "secret", functionId: "f2", functionName: "hidden" }));
  metrics.calls.refused("secret", "memory");
  const text = await metrics.render(["guest"]);
  assert.ok(text.includes('function="hello"') && !text.includes("hidden") && !text.includes("secret"), text);
});

test("the number of series is bounded: the functions beyond it are one", async () => {
  const calls = new CallMetrics({ functionsMax: 3, recentMax: 2 });
  const metrics = new Metrics({ appName: async () => undefined, calls });
  for (let index = 0; index < 100; index++) calls.ended(record({ functionId: `f${index}`, functionName: `n${index}` }));
  const text = await metrics.render(null);
  assert.ok(text.includes('polykiln_calls_total{namespace="",app="",function="other",status="success",start="hot"} 97\n'), text);
  assert.equal(text.match(/^polykiln_calls_total/gm)?.length, 4);
  assert.equal(calls.recent("guest", 0, now).length, 2);
  for (let index = 0; index < 10_000; index++) calls.refused(`n${index}`, "memory");
  assert.ok(calls.refusals.size <= 500);
});

test("the last five minutes are kept by spans, with percentiles that are at most 7 % off", () => {
  const calls = new CallMetrics();
  const start = now - spanMs * spansKept;
  // An hour of calls: each second ten of 1 to 100 ms.
  for (let second = 0; second < 3600; second++) {
    const endedAt = now - 3_600_000 + second * 1000;
    for (let i = 0; i < 10; i++) calls.ended(record({ endedAt, runMs: ((second * 10 + i) % 100) + 1 }));
  }
  calls.ended(record({ endedAt: now - 1, status: "function_error", start: "cold" }));
  calls.ended(record({ endedAt: now - 1, status: "cancelled" }));
  const [found, ...none] = calls.recent("guest", start, now - 1);
  assert.ok(found !== undefined && none.length === 0);
  assert.equal(found.total.calls, 3002);
  assert.equal(found.total.errors, 1);
  assert.equal(found.total.starts.cold, 1);
  assert.equal(found.spans.length, spansKept);
  assert.equal(found.spans[0]?.calls, spanMs / 100);
  assert.ok(found.spans.every(({ at }, index) => at === start + index * spanMs));
  for (const [share, expected] of [
    [found.total.p50Ms, 50],
    [found.total.p95Ms, 95],
    [found.total.p99Ms, 99],
  ] as const) {
    assert.ok(Math.abs((share as number) / expected - 1) < 0.07, `${share} instead of ${expected}`);
  }
  assert.equal(calls.recent("guest", now - 2 * spanMs, now - 1)[0]?.spans.length, 2);
  assert.deepEqual(calls.recent("other", start, now - 1), []);
});

test("a function that nobody calls any more makes room for another", () => {
  const calls = new CallMetrics({ recentMax: 1 });
  calls.ended(record({ functionId: "old", endedAt: now - 2 * spanMs * spansKept }));
  calls.ended(record({ functionId: "new", endedAt: now }));
  calls.ended(record({ functionId: "late", endedAt: now }));
  assert.deepEqual(
    calls.recent("guest", 0, now).map(({ functionId }) => functionId),
    ["new"],
  );
});

test("counting a call takes less than a microsecond of CPU", () => {
  const calls = new CallMetrics();
  const records = Array.from({ length: 200 }, (_, index) => record({ functionId: `f${index}`, runMs: index / 7, waitMs: 0.01 }));
  const rounds = Array.from({ length: 7 }, () => {
    const before = process.cpuUsage();
    for (let index = 0; index < 100_000; index++) calls.ended(records[index % records.length] as Activation);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 100_000;
  });
  // The best round: others may share the core.
  assert.ok(Math.min(...rounds) < 1, `${Math.min(...rounds)} us a call`);
});
