/** The record of a call and what it printed, as the caller finds them once the answer is there. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { limits } from "../../src/model/limits.ts";
import { idToHex, idToUuid } from "../../src/model/id.ts";
import { call, linesOf, put, recordOf, send } from "../client.ts";
import { type Platform, startPlatform } from "../platform.ts";

let platform: Platform;

const deploy = (name: string, text: string, settings: Readonly<Record<string, unknown>> = {}) =>
  platform.deploy({ name, file: ["index.js", text], settings });

describe("records", { concurrency: 3, timeout: 120_000 }, () => {
  before(async () => {
    // Whether a first call finds a stem cell depends on what else the machine does.
    platform = await startPlatform({ flags: ["--stem-cells", "none"] });
  });
  after(async () => {
    assert.equal(await platform.stop(), 0, platform.log());
  });

  test("a cold call, then a hot one: every field", async () => {
    const text =
      "const until = Date.now() + 150; while (Date.now() < until);\n" +
      "exports.handler = (event) => new Promise((done) => setTimeout(done, 120, event));";
    const fn = await deploy("fields", text);
    const body = JSON.stringify({ some: "body" });
    const beganAt = Date.now();
    const first = await call(fn.invokeUrl, body, { "content-type": "application/json" });
    const took = Date.now() - beganAt;
    const secondAt = Date.now();
    const second = await call(fn.fnUrl, body, { "content-type": "application/json" });
    const secondTook = Date.now() - secondAt;
    const cold = await recordOf(platform.url, first.activationId);
    const hot = await recordOf(platform.url, second.activationId);

    const common = {
      namespace: "guest",
      functionId: fn.id,
      function: "fields",
      revision: fn.revision,
      routeId: null,
      status: "success",
      attempt: 1,
      error: null,
      requestBytes: body.length,
      responseBytes: first.text.length,
    };
    for (const record of [cold, hot]) assert.deepEqual(pick(record, common), common);
    assert.deepEqual([cold.id, hot.id], [first.activationId, second.activationId]);
    assert.ok(typeof cold.appId === "string" && cold.appId === hot.appId);

    assert.equal(cold.start, "cold");
    assert.ok(cold.createMs > 0 && cold.initMs >= 150 && cold.runMs >= 115, JSON.stringify(cold));
    assert.ok(
      cold.waitMs >= 0 && cold.waitMs + cold.createMs + cold.initMs + cold.runMs <= took + 5,
      `${took}: ${JSON.stringify(cold)}`,
    );
    // Frozen already, on a slow machine.
    assert.match(hot.start, /^(hot|warm)$/);
    assert.deepEqual([hot.createMs, hot.initMs], [0, 0]);
    assert.ok(hot.runMs >= 115 && hot.waitMs + hot.runMs <= secondTook + 5, `${secondTook}: ${JSON.stringify(hot)}`);
    for (const { billedUnits, initMs, runMs } of [cold, hot]) assert.equal(billedUnits, Math.ceil((initMs + runMs) / 100));
    const [startedAt, endedAt] = [Date.parse(cold.startedAt), Date.parse(cold.endedAt)];
    assert.ok(startedAt >= beganAt - 1 && endedAt >= startedAt + 250 && endedAt <= beganAt + took + 1, JSON.stringify(cold));
  });

  test("found at once by every spelling, in its namespace only, and in the list", async () => {
    const fn = await deploy("spellings", "exports.handler = () => 1");
    for (let round = 0; round < 20; round++) {
      const { activationId: id } = await call(fn.fnUrl);
      for (const spelling of [id, id.toLowerCase(), idToHex(id), idToUuid(id)]) {
        assert.equal((await recordOf(platform.url, spelling)).id, id);
      }
    }
    const list = await send("GET", `${platform.url}/kiln/v1/namespaces/guest/activations?app=tests&function=spellings&limit=100`);
    const items = list.json["items"] as { id: string; start: string }[];
    assert.equal(items.length, 20);
    assert.deepEqual(
      items.map(({ id }) => id),
      items
        .map(({ id }) => id)
        .toSorted()
        .toReversed(),
    );
    assert.deepEqual(
      items.map(({ start }) => start === "cold"),
      [...Array.from({ length: 19 }, () => false), true],
    );
    for (const unknown of ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "nonsense", idToHex("01ARZ3NDEKTSV4RRFFQ69G5FAV")]) {
      const answer = await send("GET", `${platform.url}/kiln/v1/namespaces/guest/activations/${unknown}`);
      assert.deepEqual([answer.status, answer.json["code"]], [404, "not_found"]);
    }
  });

  test("a call through a route names it; a failed call has its cause", async () => {
    const fn = await deploy(
      "failing",
      "exports.handler = (event) => { if (event.bad) throw new Error('too bad'); return 'good'; }",
    );
    const source = { function: "failing", source: "/failing" };
    const route = await put(`${platform.url}/kiln/v1/namespaces/guest/apps/tests/routes/failing`, source);
    const routed = await send("POST", `${platform.url}/t/tests/failing`, "{}", { "content-type": "application/json" });
    assert.equal((await recordOf(platform.url, routed.activationId)).routeId, route["id"]);
    const failed = await recordOf(platform.url, (await call(fn.fnUrl, { bad: true })).activationId);
    assert.deepEqual([failed.status, failed.error?.code, failed.responseBytes], ["function_error", "function_failed", 0]);
    assert.match(failed.error?.message ?? "", /too bad/);
  });

  test("the calls of several sandboxes keep their lines apart", async () => {
    const text = `exports.handler = async ({ name }) => {
      for (let i = 0; i < 5; i++) {
        console.log(name, i);
        console.error("error", name, i);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return name;
    };`;
    const alone = await deploy("apart", text, { memoryMiB: 64 });
    const together = await deploy("together", text, { memoryMiB: 64, concurrency: 8 });
    await Promise.all(
      Array.from({ length: 24 }, async (_, index) => {
        const fn = index % 2 === 0 ? alone : together;
        const { text: name, activationId } = await call(fn.fnUrl, { name: `n${index}` });
        assert.equal(name, `n${index}`);
        const lines = await linesOf(platform.url, activationId, 10);
        for (const [stream, prefix] of [
          ["stdout", ""],
          ["stderr", "error "],
        ] as const) {
          assert.deepEqual(
            lines.filter((line) => line.startsWith(stream)),
            [0, 1, 2, 3, 4].map((count) => `${stream} ${prefix}${name} ${count}`),
          );
        }
      }),
    );
  });

  test("lines are there when the answer is, with their time; as text on request", async () => {
    const fn = await deploy("lines", "exports.handler = () => { console.log('one\\ntwo'); console.error('three'); return 1; }");
    for (let round = 0; round < 10; round++) {
      const { activationId } = await call(fn.fnUrl);
      assert.deepEqual((await linesOf(platform.url, activationId)).toSorted(), ["stderr three", "stdout one", "stdout two"]);
    }
    const { activationId } = await call(fn.fnUrl);
    const url = `${platform.url}/kiln/v1/namespaces/guest/activations/${activationId}/logs`;
    const { text, headers } = await send("GET", url, undefined, { accept: "text/plain" });
    assert.match(headers.get("content-type") ?? "", /^text\/plain/);
    assert.match(text, /^\d{4}-\d\d-\d\dT[\d:.]+Z stdout one$/m);
  });

  test("one call keeps 1 MiB of its output and says what was cut; the next one starts anew", async () => {
    const text = `exports.handler = ({ lines }) => { for (let i = 0; i < lines; i++) console.log(String(i).padStart(99, ".")); return lines; }`;
    const fn = await deploy("flood", text);
    const { activationId } = await call(fn.fnUrl, { lines: 30_000 });
    const cut = /^platform Output cut: (\d+) bytes kept, (\d+) bytes dropped$/;
    // The mark is set once trailing output can no longer come.
    const giveUpAt = performance.now() + 20_000;
    let last = "";
    while (!cut.test(last) && performance.now() < giveUpAt) {
      await sleep(100);
      last = (await linesOf(platform.url, activationId)).at(-1) ?? "";
    }
    const mark = cut.exec(last);
    assert.ok(mark, last);
    assert.ok(Number(mark[1]) <= limits.logBytesMax && Number(mark[1]) > limits.logBytesMax - 100);
    assert.equal(Number(mark[1]) + Number(mark[2]), 30_000 * 100);
    const next = await call(fn.fnUrl, { lines: 3 });
    assert.deepEqual((await linesOf(platform.url, next.activationId, 3)).length, 3);
  });
});

function pick(record: object, like: object): object {
  return Object.fromEntries(Object.keys(like).map((name) => [name, (record as Record<string, unknown>)[name]]));
}
