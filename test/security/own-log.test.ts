/** The server's own log is for operators: nothing that callers send, functions answer, print or are configured with is ever in it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { call, recordOf } from "../client.ts";
import { type Platform, startPlatform } from "../platform.ts";

const source = `
console.log("private-at-load");
exports.handler = async (event, context) => {
  console.log("private-printed"); console.error("private-printed");
  if (event.act === "throw") throw new Error("private-thrown");
  if (event.act === "exit") process.exit(3);
  if (event.act === "wait") await new Promise(() => {});
  return { text: "private-answer", event };
};`;
const failing = 'console.error("private-at-load"); throw new Error("private-thrown")';

let platform: Platform;

before(async () => {
  platform = await startPlatform({ flags: ["--log-level", "debug"] });
});
after(() => platform?.stop());

test("nothing of a call is in the server's own log, however it ends", { timeout: 120_000 }, async () => {
  const settings = { config: { KEY: "private-config" }, timeoutMs: 2000, delivery: { attemptsMax: 1 } };
  const fn = await platform.deploy({ name: "works", file: ["index.js", source], settings });
  const broken = await platform.deploy({ name: "broken", file: ["index.js", failing], settings });
  const headers = { authorization: "Bearer private-credential:x", "x-private": "private-header" };
  const statuses: number[] = [];
  for (const [url, act] of [
    [fn.invokeUrl, "answer"],
    [fn.fnUrl, "answer"],
    [fn.fnUrl, "throw"],
    [fn.fnUrl, "exit"],
    [fn.fnUrl, "wait"],
    [broken.fnUrl, "answer"],
  ] as const) {
    const body = { act, text: "private-body" };
    statuses.push((await call(`${url}?q=private-query`, body, { "x-private": "private-header" })).status);
    const { activationId, status } = await call(fn.fnUrl, body, { "x-private": "private-header", "fn-invoke-type": "detached" });
    assert.equal(status, 202);
    await ended(activationId);
  }
  assert.deepEqual(statuses, [200, 200, 502, 502, 504, 502]);
  assert.equal((await call(fn.fnUrl, '{"act": private-body', { ...headers, "content-type": "application/json" })).status, 401);
  assert.equal((await call(`${platform.url}/v2/apps`, '{"name": private-body')).status, 400);
  assert.equal(await platform.stop(), 0);
  assert.match(platform.log(), /"Serving"/, "it is the whole log");
  assert.doesNotMatch(platform.log(), /private/);
});

async function ended(id: string): Promise<void> {
  const there = async () => (await recordOf(platform.url, id).catch(() => null)) !== null;
  for (const giveUpAt = performance.now() + 60_000; !(await there()); await sleep(50))
    assert.ok(performance.now() < giveUpAt, id);
}
