/** What the platform tells of itself: metrics, live figures, health, and the trace that a call belongs to. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { idToHex } from "../../src/model/id.ts";
import { call, recordOf, send } from "../client.ts";
import { type Platform, startPlatform } from "../platform.ts";

const trace = "0af7651916cd43dd8448eb211c80319c";
const traced = { traceparent: `00-${trace}-b7ad6b7169203331-01`, tracestate: "vendor=1" };

/** Answers with what it was told of the trace. */
const handler = `exports.handler = (event, context) => {
  if (event?.fail) throw new Error("failed as asked");
  return { parent: context.trace.traceparent, header: context.headers.traceparent, state: context.headers.tracestate };
};`;
const python = `def handler(event, context):
    return {"parent": context.trace.traceparent, "header": context.headers["traceparent"], "state": context.headers.get("tracestate")}
`;
const httpServer = `const { createServer } = require("node:http");
createServer((request, response) => {
  const { traceparent, tracestate } = request.headers;
  response.end(JSON.stringify({ parent: traceparent, header: traceparent, state: tracestate }));
}).listen(process.env.PORT);`;
const program = `process.stdin.resume().on("end", () => {
  const { TRACEPARENT, TRACESTATE, FN_HEADER_TRACEPARENT } = process.env;
  console.log(JSON.stringify({ parent: TRACEPARENT, header: FN_HEADER_TRACEPARENT, state: TRACESTATE }));
});`;

let platform: Platform;

/** Values of one family, by labels. */
async function metric(name: string): Promise<Map<string, number>> {
  const { status, text } = await send("GET", `${platform.url}/metrics`);
  assert.equal(status, 200);
  const values = new Map<string, number>();
  for (const line of text.split("\n")) {
    const match = /^polykiln_(\w+)(?:\{(.*)\})? ([^ ]+)$/.exec(line);
    if (match?.[1] === name) values.set(match[2] ?? "", Number(match[3]));
  }
  return values;
}

/** A function in one file that tells what it knows of its trace. */
const asked = (kind: string, protocol: string, file: string, text: string) => ({
  name: `trace-${protocol}-${file.split(".")[1]}`,
  file: [file, text] as const,
  settings: { kind, protocol, ...(protocol === "stdio" ? { command: ["node", `/function/${file}`] } : {}) },
});

describe("metrics", { concurrency: false, timeout: 180_000 }, () => {
  before(async () => {
    platform = await startPlatform({ env: { POLYKILN_NAMESPACE_CALLS_MAX: "8" } });
  });
  after(async () => {
    assert.equal(await platform.stop(), 0, platform.log());
  });

  test("calls, durations, start types, sandboxes and what was refused are counted; live figures agree", async () => {
    const fn = await platform.deploy({ name: "counted", file: ["index.js", handler] });
    const slow = await platform.deploy({
      name: "slow",
      file: ["index.js", "exports.handler = () => new Promise((done) => setTimeout(done, 2000, 1))"],
      settings: { concurrency: 20, sandboxesMax: 1 },
    });
    for (let i = 0; i < 5; i++) assert.equal((await call(fn.invokeUrl, {})).status, 200);
    assert.equal((await call(fn.invokeUrl, { fail: true })).status, 502);
    await call(slow.invokeUrl, {});
    const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await call(slow.invokeUrl, {})).status));
    const refused = statuses.filter((status) => status === 429).length;
    assert.ok(refused > 0, statuses.join());

    const labels = 'namespace="guest",app="tests",function="counted"';
    const calls = await metric("calls_total");
    const hot = [...calls].filter(([key]) => key.startsWith(labels) && key.includes('status="success"'));
    assert.equal(
      hot.reduce((sum, [, count]) => sum + count, 0),
      5,
    );
    const failed = [...calls].filter(([key]) => key.startsWith(labels) && key.includes('status="function_error"'));
    assert.equal(
      failed.reduce((sum, [, count]) => sum + count, 0),
      1,
    );
    assert.equal((await metric("call_duration_seconds_count")).get(labels), 6);
    assert.equal((await metric("refused_total")).get('namespace="guest",limit="namespaceCallsMax"'), refused);
    const sandboxes = [...(await metric("sandboxes")).values()].reduce((sum, count) => sum + count, 0);
    assert.equal(sandboxes, 2);
    for (const name of [
      "process_open_fds",
      "process_cpu_seconds_total",
      "event_loop_delay_seconds",
      "gc_seconds_total",
      "records_waiting",
      "queue_calls",
      "queue_oldest_seconds",
      "log_lines_total",
      "evictions_total",
      "sandbox_memory_bytes",
    ]) {
      const values = await metric(name);
      assert.ok(values.size > 0 && [...values.values()].every(Number.isFinite), name);
    }

    const base = `${platform.url}/kiln/v1/namespaces/guest/stats`;
    const { status, json } = await send("GET", `${base}?app=tests&function=counted`);
    assert.equal(status, 200);
    const [item, ...others] = json["items"] as {
      calls: number;
      errors: number;
      app: string;
      function: string;
      p50Ms: number;
      p99Ms: number;
      starts: Record<string, number>;
      spans: { calls: number }[];
    }[];
    assert.ok(item !== undefined && others.length === 0);
    assert.deepEqual([item.app, item.function, item.calls, item.errors], ["tests", "counted", 6, 1]);
    assert.equal(
      Object.values(item.starts).reduce((sum, count) => sum + count, 0),
      6,
    );
    assert.equal(
      item.spans.reduce((sum, span) => sum + span.calls, 0),
      6,
    );
    assert.ok(item.p50Ms > 0 && item.p50Ms <= item.p99Ms);
    assert.equal(((await send("GET", `${base}?since=${Date.now() + 60_000}`)).json["items"] as object[]).length, 0);
    assert.equal((await send("GET", `${base}?since=soon`)).status, 400);
  });

  for (const deployment of [
    asked("nodejs:24", "frames", "index.js", handler),
    asked("python:3.11", "frames", "handler.py", python),
    asked("nodejs:24", "http-port", "index.js", httpServer),
    asked("nodejs:24", "stdio", "index.js", program),
  ]) {
    test(`the trace goes on through ${deployment.name}`, async () => {
      const fn = await platform.deploy(deployment);
      const given = await call(fn.invokeUrl, {}, traced);
      assert.equal(given.status, 200, given.text);
      const hex = idToHex(given.activationId);
      const parent = `00-${trace}-${hex.slice(16)}-01`;
      assert.deepEqual(given.json, { parent, header: parent, state: "vendor=1" });
      assert.equal(recordTrace(await recordOf(platform.url, given.activationId)), trace);

      const none = await call(fn.invokeUrl, {});
      const own = idToHex(none.activationId);
      assert.equal(none.json["parent"], `00-${own}-${own.slice(16)}-00`);
      assert.equal(recordTrace(await recordOf(platform.url, none.activationId)), own);
    });
  }

  test("alive and ready, for anybody, with every check by name", async () => {
    assert.deepEqual((await send("GET", `${platform.url}/healthz`)).json, { status: "ok" });
    const { status, json } = await send("GET", `${platform.url}/readyz`);
    assert.equal(status, 200);
    const checks = json["checks"] as { name: string; ok: boolean }[];
    assert.deepEqual(
      checks.map(({ name, ok }) => [name, ok]),
      ["disk", "store", "sandbox", "queue", "accepting"].map((name) => [name, true]),
    );
  });
});

test("beyond loopback metrics want a key, health does not; a stopping server is not ready", async () => {
  const open = await startPlatform({ flags: ["--listen", "0.0.0.0:0"] });
  const base = `http://127.0.0.1:${open.port}`;
  const key = { authorization: `Bearer ${open.auth}` };
  assert.equal((await send("GET", `${base}/metrics`)).status, 401);
  assert.equal((await send("GET", `${base}/metrics`, undefined, { authorization: "Bearer x:y" })).status, 401);
  assert.equal((await send("GET", `${base}/metrics`, undefined, key)).status, 200);
  assert.equal((await send("GET", `${base}/kiln/v1/namespaces/guest/stats`)).status, 401);
  assert.equal((await send("GET", `${base}/kiln/v1/namespaces/guest/logs`)).status, 401);
  assert.equal((await send("GET", `${base}/healthz`)).status, 200);
  assert.equal((await send("GET", `${base}/readyz`)).status, 200);

  const app = `${base}/kiln/v1/namespaces/guest/apps/_`;
  const body = "exports.handler = () => new Promise((done) => setTimeout(done, 3000, 1))";
  const query = "kind=nodejs:24&file=index.js";
  const deployed = await send("PUT", `${app}/functions/slow/code?${query}`, body, {
    ...key,
    "content-type": "application/octet-stream",
  });
  assert.ok(deployed.status < 300, deployed.text);
  // A connection that is open already is answered until the last call has ended.
  const slow = call(`${app}/functions/slow/invoke`, {}, key);
  const { Agent, request } = await import("node:http");
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ready = () =>
    new Promise<number>((resolve) => {
      const asking = request(`${base}/readyz`, { agent }, (response) => {
        response.resume().on("end", () => resolve(response.statusCode ?? 0));
      });
      asking.on("error", () => resolve(0)).end();
    });
  assert.equal(await ready(), 200);
  await sleep(300);
  const stopped = open.stop();
  const seen = new Set<number>();
  const giveUpAt = performance.now() + 20_000;
  while (!seen.has(503) && !seen.has(0) && performance.now() < giveUpAt) {
    seen.add(await ready());
    await sleep(20);
  }
  assert.ok(seen.has(503) || seen.has(0), `not ready any more: ${[...seen].join()}`);
  assert.equal((await slow).status, 200);
  agent.destroy();
  assert.equal(await stopped, 0, open.log());
  assert.ok(!open.log().includes(open.auth.split(":")[1] as string), "no secret is logged");
});

function recordTrace(record: object): unknown {
  return (record as { traceId?: unknown }).traceId;
}
