/** Revisions as users meet them: deployed, called by number, gone back to, split, and replaced while calls run. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { busyFactor } from "../busy-factor.ts";
import { call, put, send } from "../client.ts";
import { cannotCount } from "../reliability/footprint.ts";
import { type DeployedFunction, type Platform, startPlatform } from "../platform.ts";

const source = (number: number) => `exports.handler = () => ({ version: ${number} })`;
const urlOf = (fn: DeployedFunction) => fn.invokeUrl.replace(/\/invoke$/, "");
const version = async (url: string) => (await call(url, {})).json["version"];

describe("revisions", { skip: cannotCount, timeout: 300_000 }, () => {
  let platform: Platform;
  before(async () => {
    platform = await startPlatform();
  });
  after(() => platform.stop());

  const deploy = (name: string, text: string): Promise<DeployedFunction> =>
    platform.deploy({ name, file: ["index.js", text], settings: { kind: "nodejs:24" } });

  test("one is called by number, gone back to within a second, and forward again", async () => {
    let fn = await deploy("back", source(1));
    assert.equal(await version(fn.invokeUrl), 1);
    fn = await deploy("back", source(2));
    assert.equal(fn.revision, 2);
    assert.equal(await version(fn.invokeUrl), 2);
    assert.equal(await version(`${fn.invokeUrl}?revision=1`), 1);
    const unknown = await call(`${fn.invokeUrl}?revision=9`, {});
    assert.deepEqual([unknown.status, unknown.json["message"]], [404, "Revision 9 of function back does not exist"]);

    const beganAt = performance.now();
    await put(`${urlOf(fn)}/traffic`, { traffic: [{ revision: 1, weight: 1 }] });
    assert.equal(await version(fn.invokeUrl), 1);
    const tookMs = performance.now() - beganAt;
    assert.ok(tookMs < 1000 * busyFactor(), `${tookMs} ms`);

    const list = (await send("GET", `${urlOf(fn)}/revisions`)).json as { items: { revision: number }[] };
    assert.deepEqual(
      list.items.map(({ revision }) => revision),
      [2, 1],
    );
    await deploy("back", source(3));
    assert.equal(await version(fn.invokeUrl), 3, "a deploy ends the going back");
    await put(urlOf(fn), { memoryMiB: 64, traffic: "keep" });
    const kept = (await send("GET", urlOf(fn))).json;
    assert.deepEqual([kept["revision"], kept["traffic"]], [4, [{ revision: 3, weight: 1 }]]);
    await put(`${urlOf(fn)}/traffic`, { traffic: [] });
    assert.deepEqual((await call(fn.invokeUrl, {})).status, 200);
  });

  test("two share the calls by weight, both hot", async () => {
    await deploy("split", source(1));
    const fn = await deploy("split", source(2));
    await put(`${urlOf(fn)}/traffic`, {
      traffic: [
        { revision: 1, weight: 3 },
        { revision: 2, weight: 1 },
      ],
    });
    const seen = { 1: 0, 2: 0 };
    for (let i = 0; i < 400; i++) seen[(await version(fn.invokeUrl)) as 1 | 2]++;
    // Further off than five standard deviations is no chance.
    assert.ok(seen[1] > 255 && seen[1] < 345, JSON.stringify(seen));
    for (const traffic of [
      [{ revision: 7, weight: 1 }],
      [{ revision: 1, weight: 0 }],
      [
        { revision: 1, weight: 1 },
        { revision: 1, weight: 2 },
      ],
    ]) {
      const refused = await send("PUT", `${urlOf(fn)}/traffic`, JSON.stringify({ traffic }), {
        "content-type": "application/json",
      });
      assert.equal(refused.status, 400, refused.text);
    }
  });

  test("updates under load drop no call", async () => {
    const fn = await deploy("busy", source(1));
    const load = new AbortController();
    const statuses = new Map<number, number>();
    const caller = async () => {
      while (!load.signal.aborted) {
        const { status } = await call(fn.invokeUrl, {});
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    };
    const callers = Array.from({ length: 8 }, caller);
    for (let i = 2; i <= 12; i++) {
      await deploy("busy", source(i));
      assert.equal(await version(fn.invokeUrl), i, "the new one serves as soon as its deploy was answered");
    }
    load.abort();
    await Promise.all(callers);
    assert.deepEqual([...statuses.keys()], [200], JSON.stringify([...statuses]));
    assert.ok((statuses.get(200) ?? 0) > 50);
  });
});
