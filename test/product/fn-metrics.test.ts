/** Fn's names on /metrics: dashboards that know Fn's server read true figures of this one. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { call, send } from "../client.ts";
import { type Platform, startPlatform } from "../platform.ts";

const handler = `exports.handler = async (event) => {
  if (event?.fail) throw new Error("failed as asked");
  if (event?.waitMs) await new Promise((done) => setTimeout(done, event.waitMs));
  return "done";
};`;

describe("Fn's metrics", { concurrency: false, timeout: 120_000 }, () => {
  let platform: Platform;
  before(async () => {
    const env = { POLYKILN_NAMESPACE_CALLS_MAX: "4", FN_FREEZE_IDLE_MSECS: "-1", FN_NODE_TYPE: "lb", FN_POTR: "8080" };
    platform = await startPlatform({ env });
  });
  after(async () => {
    assert.equal(await platform.stop(), 0, platform.log());
  });

  test("variables of Fn's that mean nothing here are said at the start, once", async () => {
    const lines = () =>
      platform
        .log()
        .split("\n")
        .filter((line) => line.includes("is set and means nothing here"));
    // They come by another pipe than the line that it is ready.
    await until(() => lines().length >= 2);
    const said = lines();
    assert.equal(said.length, 2, platform.log());
    assert.match(said[0] ?? "", /whole one.*FN_NODE_TYPE/);
    assert.match(said[1] ?? "", /Fn has no setting of this name.*FN_POTR/);
  });

  /** By name and labels. */
  async function figures(): Promise<ReadonlyMap<string, number>> {
    const { status, text } = await send("GET", `${platform.url}/metrics`);
    assert.equal(status, 200);
    const lines = text.split("\n").filter((line) => line.startsWith("fn_"));
    return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]));
  }

  async function until(holds: (found: ReadonlyMap<string, number>) => boolean): Promise<ReadonlyMap<string, number>> {
    const deadline = Date.now() + 30_000;
    for (;;) {
      const found = await figures();
      if (holds(found)) return found;
      if (Date.now() > deadline) assert.fail(JSON.stringify([...found]));
      await sleep(20);
    }
  }

  test("calls by how they ended, those under way, and sandboxes by function", async () => {
    const fn = await platform.deploy({ name: "counted", file: ["index.js", handler] });
    const short = await platform.deploy({ name: "short", file: ["index.js", handler], settings: { timeoutMs: 300 } });
    for (let i = 0; i < 3; i++) assert.equal((await call(fn.invokeUrl, {})).status, 200);
    for (let i = 0; i < 2; i++) assert.equal((await call(fn.invokeUrl, { fail: true })).status, 502);
    assert.equal((await call(short.invokeUrl, { waitMs: 20_000 })).status, 504);
    const statuses = await Promise.all(
      Array.from({ length: 8 }, async () => (await call(fn.invokeUrl, { waitMs: 2000 })).status),
    );
    const refused = statuses.filter((status) => status === 429).length;
    assert.ok(refused > 0, statuses.join());

    const found = await until((now) => now.get("fn_running") === 0 && now.get("fn_calls") === 14 - refused);
    const expected = {
      fn_calls: 14 - refused,
      fn_completed: 11 - refused,
      fn_errors: 2,
      fn_timeouts: 1,
      fn_canceled: 0,
      fn_queued: 0,
      fn_running: 0,
      fn_server_busy: refused,
      fn_container_evictions: 0,
    };
    for (const [name, value] of Object.entries(expected)) assert.equal(found.get(name), value, name);
    const memory = (found.get("fn_util_mem_used") ?? 0) + (found.get("fn_util_mem_avail") ?? 0);
    assert.ok(memory > 0);
    const app = String((await send("GET", `${platform.url}/v2/apps?name=tests`)).text.match(/"id":"(\w+)"/)?.[1]);
    const labels = `{app_id="${app}",fn_id="${fn.id}",image_name="nodejs:24"}`;
    assert.ok((found.get(`fn_container_idle_total${labels}`) ?? 0) > 0, JSON.stringify([...found]));
    assert.equal(found.get(`fn_container_busy_total${labels}`), 0);

    const running = call(fn.invokeUrl, { waitMs: 3000 });
    await until((now) => now.get("fn_running") === 1 && now.get(`fn_container_busy_total${labels}`) === 1);
    assert.equal((await running).status, 200);
  });

  test("requests to the management API by pattern, method and status", async () => {
    const made = await send("POST", `${platform.url}/v2/apps`, '{"name":"one"}');
    await send("POST", `${platform.url}/v2/apps`, '{"name":"one"}');
    await send("GET", `${platform.url}/v2/apps/${String(made.json["id"])}`);
    for (const id of ["none", "x".repeat(300)]) await send("GET", `${platform.url}/v2/apps/${id}`);
    await send("GET", `${platform.url}/v2/else/where`);
    const [list, one] = ['path="/v2/apps",method="POST"', 'path="/v2/apps/:app_id",method="GET"'];
    const found = await until((now) => now.get(`fn_api_response_count{${one},status="404",blame="user"}`) === 2);
    for (const [name, value] of [
      [`fn_api_request_count{${list}}`, 2],
      [`fn_api_response_count{${list},status="200",blame=""}`, 1],
      [`fn_api_response_count{${list},status="409",blame="user"}`, 1],
      [`fn_api_request_count{${one}}`, 3],
      [`fn_api_response_count{${one},status="200",blame=""}`, 1],
      [`fn_api_latency_count{${one}}`, 3],
      [`fn_api_latency_bucket{${one},le="+Inf"}`, 3],
      ['fn_api_request_count{path="/v2/*",method="GET"}', 1],
    ] as const) {
      assert.equal(found.get(name), value, name);
    }
  });
});
