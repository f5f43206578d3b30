/** What code hears when nobody wants its call any more, through a real server. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { call, linesOf, recordOf, send } from "../client.ts";
import { type DeployedFunction, type Platform, startPlatform } from "../platform.ts";
import { allRecords } from "./async-load.ts";

const source = `
exports.handler = async ({ how, listens = true }, context) => {
  console.log("began", how);
  const aborted = new Promise((resolve) => context.signal.addEventListener("abort", () => {
    if (listens) console.log("told", how, context.signal.reason.name);
    if (listens) resolve();
  }));
  if (how !== "stream") return await aborted;
  return (async function* () {
    yield "first";
    await aborted;
  })();
};`;

describe("a call that nobody wants any more", { timeout: 120_000 }, () => {
  let platform: Platform;
  let fn: DeployedFunction;
  before(async () => {
    platform = await startPlatform();
    fn = await platform.deploy({ name: "f", file: ["index.js", source], settings: { timeoutMs: 90_000, sandboxesMax: 1 } });
  });
  after(() => platform?.stop());

  const records = async () => (await allRecords(platform)).length;
  const lines = async (id: string) => await linesOf(platform.url, id, 1);
  const began = async (id: string) => {
    while (!(await lines(id)).some((line) => line.startsWith("stdout began"))) await sleep(10);
  };
  /** The call that runs, as Fn's door lists it. */
  const runningCall = async () => {
    for (;;) {
      const { items } = (await send("GET", `${platform.url}/v2/fns/${fn.id}/calls`)).json as {
        items: { id: string; status: string }[];
      };
      const found = items.find(({ status }) => status === "running");
      if (found !== undefined) return found.id;
      await sleep(10);
    }
  };
  const cancel = (id: string) => send("POST", `${platform.url}/kiln/v1/namespaces/guest/activations/${id}/cancel`);
  /** The newest record, of a call that just ended. */
  const ended = async (count: number) => {
    let all = await allRecords(platform);
    for (; all.length === count; all = await allRecords(platform)) await sleep(10);
    return await recordOf(platform.url, String(all[0]?.id));
  };

  test("its code hears of it, and ends, when it is cancelled", async () => {
    const { activationId } = await call(`${fn.invokeUrl}?wait=none`, { how: "later" });
    await began(activationId);
    assert.equal((await cancel(activationId)).json["status"], "cancelled");
    while ((await lines(activationId)).length < 2) await sleep(10);
    assert.deepEqual(await lines(activationId), ["stdout began later", "stdout told later AbortError"]);
  });

  for (const how of ["at once", "stream"]) {
    test(`its code hears of it when the caller goes away: ${how}`, async () => {
      const known = await records();
      const gone = new AbortController();
      const answer = fetch(fn.invokeUrl, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ how }),
        signal: gone.signal,
      });
      if (how === "stream") await (await answer).body?.getReader().read();
      else await began(await runningCall());
      gone.abort();
      await answer.catch(() => {});
      const { id, status } = await ended(known);
      assert.equal(status, "cancelled");
      while ((await lines(id)).length < 2) await sleep(10);
      assert.deepEqual(await lines(id), [`stdout began ${how}`, `stdout told ${how} AbortError`]);
    });
  }

  test("code that goes on all the same is killed, and its sandbox serves nobody else", async () => {
    const { activationId } = await call(`${fn.invokeUrl}?wait=none`, { how: "later", listens: false });
    await began(activationId);
    await cancel(activationId);
    assert.equal((await recordOf(platform.url, activationId)).status, "cancelled");
    const next = await call(`${fn.invokeUrl}?wait=none`, { how: "later" });
    await began(next.activationId);
    await cancel(next.activationId);
    assert.ok(!["hot", "warm"].includes((await recordOf(platform.url, next.activationId)).start));
  });
});
