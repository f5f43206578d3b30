/** One namespace that takes what it can get, and another beside it. */
import assert from "node:assert/strict";
import { rmSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { call, recordOf, send } from "../client.ts";
import { type DeployedFunction, type Platform, startPlatform } from "../platform.ts";
import { cannotCount } from "./footprint.ts";
import { makeNamespace, type Round, runRound, sayRound, startNeighbours } from "./neighbours.ts";

/** What other work on the machine may add to the worst calls, in ms. Without weights it was 440 ms. */
const noiseMs = 200;
const tries = 3;

const sleeper = `exports.handler = ({ ms }) => new Promise((resolve) => setTimeout(() => resolve("slept"), ms));`;

describe("the processors", { skip: cannotCount, timeout: 180_000 }, () => {
  test("a namespace that is sent 20 times its share does not slow down a quiet one", async (t) => {
    const neighbours = await startNeighbours();
    try {
      let round: Round;
      for (let i = 1; ; i++) {
        round = await runRound(neighbours, 5);
        t.diagnostic(sayRound(round));
        if (isFair(round) || i === tries) break;
      }
      const { alone, beside, plain, noisy } = round;
      const said = `p99 of ${beside.p99Ms} ms beside the noisy one, ${alone.p99Ms} ms alone, ${plain.p99Ms} ms of a plain server`;
      assert.ok(isFair(round), said);
      assert.deepEqual(Object.keys(beside.statuses), ["200"]);
      assert.ok((noisy.statuses["503"] ?? 0) > 0, "the noisy one was refused calls");
      assert.ok((noisy.statuses["200"] ?? 0) > 0, "and was served others");
    } finally {
      await neighbours.stop();
    }
  });
});

function isFair({ alone, beside, plain }: Round): boolean {
  return beside.p99Ms <= Math.max(3 * alone.p99Ms, alone.p99Ms + noiseMs) + plain.p99Ms;
}

describe("memory and places", { skip: cannotCount, timeout: 120_000 }, () => {
  let data: string;
  let platform: Platform;
  before(async () => {
    data = mkdtempSync(join(tmpdir(), "kiln-fairness-"));
    await makeNamespace(data, "noisy");
    const flags = ["--memory-mib", "512", "--function-waiting-max", "5", "--namespace-waiting-max", "8"];
    platform = await startPlatform({ data, flags });
  });
  after(async () => {
    await platform?.stop();
    rmSync(data, { recursive: true, force: true });
  });

  const deployed = (name: string, settings: object, namespace = "guest"): Promise<DeployedFunction> =>
    platform.deploy({ namespace, name, file: ["index.js", sleeper], settings: { timeoutMs: 60_000, ...settings } });
  const metric = async (name: string) => {
    const { text } = await send("GET", `${platform.url}/metrics`);
    const line = text.split("\n").find((each) => each.startsWith(`polykiln_${name} `));
    return Number(line?.split(" ")[1]);
  };
  const until = async (name: string, count: number) => {
    while ((await metric(name)) !== count) await new Promise((resolve) => setTimeout(resolve, 20));
  };

  test("long calls that fill the memory do not keep another namespace's first call waiting", async (t) => {
    const noisy = await deployed("noisy", { memoryMiB: 256 }, "noisy");
    const quiet = await deployed("quiet", {});
    const over = new AbortController();
    const served: number[] = [];
    const loops = Array.from({ length: 5 }, async () => {
      while (!over.signal.aborted) {
        const { status, text } = await call(noisy.invokeUrl, { ms: 500 });
        assert.equal(status, 200, text);
        served.push(status);
      }
    });
    while (served.length < 8) await new Promise((resolve) => setTimeout(resolve, 20));
    await until("calls_waiting", 3);
    const beganAt = performance.now();
    const { status, text, activationId } = await call(quiet.invokeUrl, { ms: 1 });
    const tookMs = performance.now() - beganAt;
    over.abort();
    await Promise.all(loops);
    assert.equal(status, 200, text);
    // A start beside other work takes seconds at times.
    const { createMs, initMs } = await recordOf(platform.url, activationId);
    const waitedMs = tookMs - createMs - initMs;
    t.diagnostic(`the first call beside ended after ${tookMs.toFixed(0)} ms, ${waitedMs.toFixed(0)} without its start`);
    assert.ok(waitedMs < 5000, `${waitedMs} ms; a call of the noisy one takes 500 ms`);
  });

  test("calls over the bounds are refused with the limit's name and a time, at once and without a record", async () => {
    const slow = await deployed("slow", { sandboxesMax: 1 });
    const other = await deployed("other", { sandboxesMax: 1 });
    const gone = new AbortController();
    const held = (fn: DeployedFunction, count: number) =>
      Array.from({ length: count }, () =>
        fetch(fn.invokeUrl, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: '{"ms":30000}',
          signal: gone.signal,
        }).catch(() => {}),
      );
    const calls = held(slow, 1);
    await until('sandboxes{state="busy"}', 1);
    calls.push(...held(slow, 5));
    await until("calls_waiting", 5);
    const full = await call(slow.invokeUrl, { ms: 1 });
    assert.equal(full.status, 503);
    assert.equal(full.headers.get("retry-after"), "1");
    assert.deepEqual(full.json["details"], { limit: "functionWaitingMax", max: 5, retryAfterS: 1 });
    assert.equal(full.activationId, "", "no record");
    const viaFn = await call(slow.fnUrl, { ms: 1 });
    assert.deepEqual([viaFn.status, viaFn.headers.get("kiln-limit")], [503, "functionWaitingMax"]);
    assert.ok(Number(viaFn.headers.get("retry-after")) > 0);

    calls.push(...held(other, 1));
    await until('sandboxes{state="busy"}', 2);
    calls.push(...held(other, 3));
    await until("calls_waiting", 8);
    const third = await deployed("third", {});
    const throttled = await call(third.invokeUrl, { ms: 1 });
    assert.equal(throttled.status, 429);
    assert.equal(throttled.headers.get("retry-after"), "1");
    assert.deepEqual(throttled.json["details"], { limit: "namespaceWaitingMax", max: 8, retryAfterS: 1 });
    const throttledViaFn = await call(third.fnUrl, { ms: 1 });
    assert.deepEqual(
      [throttledViaFn.status, throttledViaFn.headers.get("retry-after"), throttledViaFn.headers.get("kiln-limit")],
      [429, "1", "namespaceWaitingMax"],
    );
    const elsewhere = await deployed("elsewhere", {}, "noisy");
    assert.equal((await call(elsewhere.invokeUrl, { ms: 1 })).status, 200, "another namespace has its own bound");

    // Accepted into the durable queue, which has bounds of its own, and run when there is room.
    const accepted = await call(`${slow.invokeUrl}?wait=none`, { ms: 1 });
    assert.equal(accepted.status, 202);

    gone.abort();
    await Promise.all(calls);
    await until("calls_waiting", 0);
    assert.equal((await call(slow.invokeUrl, { ms: 1 })).status, 200, "nothing is left of those who went away");
    const record = `${platform.url}/kiln/v1/namespaces/guest/activations/${String(accepted.json["activationId"])}`;
    while ((await send("GET", record)).json["status"] !== "success") await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal((await send("GET", record)).json["attempt"], 1);
  });
});
