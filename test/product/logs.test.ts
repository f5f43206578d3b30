/** What functions print: in lists, live, under concurrency, in floods, and until it is thrown away. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { limits } from "../../src/model/limits.ts";
import { call, linesOf, send } from "../client.ts";
import { type EventReader, readEvents } from "../event-stream.ts";
import { inspectable, liveMiB } from "../live-memory.ts";
import { type Platform, startPlatform } from "../platform.ts";

const printer = `exports.handler = async (event) => {
  for (const line of event.lines ?? []) console.log(line);
  if (event.fail) throw new Error("failed as asked");
  return "done";
};`;

/** Each call prints its own number again and again, between waits. */
const numbersNode = `exports.handler = async ({ n }) => {
  for (let i = 0; i < 20; i++) {
    console.log(n + ":" + i);
    await new Promise((resolve) => setTimeout(resolve, (n * 7 + i) % 5));
  }
};`;
const numbersPython = `import time
def handler(event, context):
    for i in range(20):
        print(str(event["n"]) + ":" + str(i))
        time.sleep(((event["n"] * 7 + i) % 5) / 1000)
`;

/** Many at a time: what is to be shown is what it costs us, not what it costs the code. */
const million = `exports.handler = async () => {
  for (let round = 0; round < 1000; round++) {
    process.stdout.write(("line of round " + round + ", one of very many\\n").repeat(1000));
    await new Promise((resolve) => setImmediate(resolve));
  }
};`;

interface Line {
  readonly at: string;
  readonly text: string;
  readonly function: string;
  readonly functionId: string;
  readonly activationId: string;
}

const logsPath = "/kiln/v1/namespaces/guest/logs";

let platform: Platform;
let logs: string;

/** Deploys one file. */
const deploy = (name: string, text: string, settings: Readonly<Record<string, unknown>> = {}, file = "index.js") =>
  platform.deploy({ name, file: [file, text], settings });

async function page(query: string): Promise<{ items: Line[]; nextCursor: string | null }> {
  const answer = await send("GET", query.startsWith("http") ? query : `${logs}?${query}`);
  assert.equal(answer.status, 200, answer.text);
  return answer.json as unknown as { items: Line[]; nextCursor: string | null };
}

async function pages(query: string): Promise<Line[]> {
  const lines: Line[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const { items, nextCursor } = await page(`${query}${cursor === "" ? "" : `&cursor=${cursor}`}`);
    lines.push(...items);
    cursor = nextCursor;
  }
  return lines;
}

/** Those that the tests' own words begin. */
async function textsOf(query: string): Promise<string[]> {
  return (await pages(query)).map(({ text }) => text).filter((text) => /^[abc]\d/.test(text));
}

/** Waits until a call's lines are there. */
async function printed(id: string, count: number): Promise<void> {
  assert.equal((await linesOf(platform.url, id, count)).length, count);
}

describe("logs", { concurrency: false, timeout: 240_000 }, () => {
  before(async () => {
    platform = await startPlatform({ env: inspectable });
    logs = `${platform.url}${logsPath}`;
  });
  after(async () => {
    assert.equal(await platform.stop(), 0, platform.log());
  });

  test("lists: newest first, oldest first since a time, by function, call, status and text", async () => {
    const one = await deploy("one", printer);
    const two = await deploy("two", printer);
    const since = Date.now();
    const first = await call(one.invokeUrl, { lines: ["a1", "a2 needle"] });
    const second = await call(two.invokeUrl, { lines: ["b1"] });
    const failed = await call(one.invokeUrl, { lines: ["c1"], fail: true });
    await Promise.all([printed(first.activationId, 2), printed(second.activationId, 1)]);
    assert.ok((await linesOf(platform.url, failed.activationId, 3)).length >= 3);
    assert.deepEqual(await textsOf("limit=1"), ["c1", "b1", "a2 needle", "a1"]);
    assert.deepEqual(await textsOf(`limit=2&since=${since}`), ["a1", "a2 needle", "b1", "c1"]);
    assert.deepEqual(await textsOf("app=tests&function=two"), ["b1"]);
    assert.deepEqual(await textsOf(`function=${one.id}&text=needle`), ["a2 needle"]);
    assert.deepEqual(await textsOf(`activation=${second.activationId}`), ["b1"]);
    assert.deepEqual(await textsOf("app=tests"), ["c1", "b1", "a2 needle", "a1"]);
    assert.deepEqual(await textsOf("app=_"), []);
    assert.deepEqual(await textsOf("status=function_error"), ["c1"]);
    assert.deepEqual(await textsOf(`since=${Date.now() + 60_000}`), []);
    const ofFunction = await page(`${platform.url}/kiln/v1/namespaces/guest/apps/tests/functions/two/logs?limit=1`);
    assert.deepEqual(
      [ofFunction.items[0]?.text, ofFunction.items[0]?.function, ofFunction.items[0]?.functionId],
      ["b1", "two", two.id],
    );
    for (const [query, status] of [
      ["app=nope", 404],
      ["cursor=x", 400],
      ["limit=1001", 400],
      ["since=soon", 400],
      ["activation=1", 400],
      ["what=1", 400],
    ] as const) {
      assert.equal((await send("GET", `${logs}?${query}`)).status, status, query);
    }
  });

  test("live: lines and ends of calls as they come, only those asked for, and again from where a reader was", async () => {
    const fn = await deploy("live", printer);
    await deploy("noise", printer);
    const all = await readEvents(`${logs}?follow=true`);
    const some = await readEvents(`${logs}?follow=true&app=tests&function=live&text=yes`);
    const failures = await readEvents(`${logs}?follow=true&status=function_error`);
    const { activationId } = await call(fn.invokeUrl, { lines: ["1 yes", "2 no", "3 yes"] });
    await call(`${platform.url}/kiln/v1/namespaces/guest/apps/tests/functions/noise/invoke`, { lines: ["noise yes"] });
    const bad = await call(fn.invokeUrl, { lines: ["4 yes"], fail: true });
    await all.find("the last line", ({ data }) => data["text"] === "4 yes");
    await some.find("the last line", ({ data }) => data["text"] === "4 yes");
    await all.find("the end of the call", ({ event, data }) => event === "activation" && data["id"] === activationId);
    await failures.find("the failed call", ({ event, data }) => event === "activation" && data["id"] === bad.activationId);
    assert.deepEqual(some.lines(), ["1 yes", "3 yes", "4 yes"]);
    assert.equal(failures.lines()[0], "4 yes");
    assert.ok(failures.events.every(({ data }) => data["id"] === bad.activationId || data["activationId"] === bad.activationId));

    const seen = await some.find("a line", ({ data }) => data["text"] === "1 yes");
    const again = await readEvents(`${logs}?follow=true&text=yes&function=${fn.id}`, { "last-event-id": seen.id as string });
    await again.find("the last line", ({ data }) => data["text"] === "4 yes");
    await call(fn.invokeUrl, { lines: ["5 yes"] });
    await again.find("a new line", ({ data }) => data["text"] === "5 yes");
    assert.deepEqual(again.lines(), ["3 yes", "4 yes", "5 yes"]);

    // Ends of calls too: those that were told behind the event that they came from.
    await some.find("the end of the last call", () => ends(some.events).length === 3);
    const missed = ends(some.events.slice(some.events.indexOf(seen)));
    await again.find("the end of the last call", () => ends(again.events).length >= missed.length);
    assert.deepEqual(ends(again.events), missed);
    const failed = some.events.find(({ event, data }) => event === "activation" && data["id"] === bad.activationId);
    const onlyLast = await readEvents(`${logs}?follow=true&function=${fn.id}`, { "last-event-id": String(failed?.id) });
    await onlyLast.find("the end of the last call", () => ends(onlyLast.events).length === 1);
    assert.deepEqual(ends(onlyLast.events), ends(some.events).slice(2));
    onlyLast.close();
    const past = await readEvents(`${logs}?follow=true&since=1&text=yes&function=${fn.id}`);
    await past.find("the last line", ({ data }) => data["text"] === "5 yes");
    assert.deepEqual(past.lines(), ["1 yes", "3 yes", "4 yes", "5 yes"]);
    for (const reader of [all, some, failures, again, past]) reader.close();
    assert.equal((await readEvents(`${logs}?follow=true`, { "last-event-id": "x" })).status, 400);
  });

  for (const [language, text, file, kind] of [
    ["Node", numbersNode, "index.js", "nodejs:24"],
    ["Python", numbersPython, "handler.py", "python:3.11"],
  ] as const) {
    test(`50 calls at a time in one ${language} process: each line is in the log of its call`, async () => {
      const settings = { concurrency: 50, sandboxesMax: 1, kind };
      const fn = await deploy(`numbers-${file.split(".")[1]}`, text, settings, file);
      await call(fn.invokeUrl, { n: 0 });
      const ids = await Promise.all(Array.from({ length: 50 }, async (_, n) => (await call(fn.invokeUrl, { n })).activationId));
      for (const [n, id] of ids.entries()) {
        const expected = Array.from({ length: 20 }, (_, i) => `stdout ${n}:${i}`);
        assert.deepEqual(await linesOf(platform.url, id, 20), expected);
      }
    });
  }

  test("forged lines and terminal control are data in JSON and shown, not obeyed, in text", async () => {
    const fn = await deploy("forger", printer);
    const evil = "\u001b[2Jx\r2026-01-01T00:00:00.000Z stdout forged\u0000\u009b1m";
    const { activationId } = await call(fn.invokeUrl, { lines: [evil] });
    await printed(activationId, 1);
    const path = `${platform.url}/kiln/v1/namespaces/guest/activations/${activationId}/logs`;
    const json = (await send("GET", path)).json as { items?: { text: string }[] };
    assert.equal(json.items?.[0]?.text, evil);
    const { text } = await send("GET", path, undefined, { accept: "text/plain" });
    assert.doesNotMatch(text, /[^\P{Cc}\n]/u);
    assert.equal(text.split("\n").length, 2);
  });

  test("a million lines of one call: cut with a mark, memory flat, others served", async (context) => {
    const flood = await deploy("flood", million, { timeoutMs: 120_000 });
    const quick = await deploy("quick", printer);
    await call(quick.invokeUrl, {});
    const quiet = await medianMs(quick.invokeUrl, 50);
    const restMiB = await liveMiB(platform);
    const reader = await readEvents(`${logs}?follow=true&function=${flood.id}`);
    let highest = restMiB;
    const times: number[] = [];
    const flooding = call(flood.invokeUrl);
    const over = flooding.then(
      () => true,
      () => true,
    );
    while (!(await Promise.race([over, false]))) {
      times.push(await medianMs(quick.invokeUrl, 5));
      if (times.length % 10 === 1) highest = Math.max(highest, await liveMiB(platform));
    }
    const { status, activationId } = await flooding;
    assert.equal(status, 200);
    let lines: string[] = [];
    for (let tries = 0; tries < 50 && !lines.at(-1)?.startsWith("platform"); tries++) {
      lines = await linesOf(platform.url, activationId);
      await sleep(100);
    }
    assert.match(lines.at(-1) ?? "", /^platform Output cut: \d+ bytes kept, \d+ bytes dropped$/);
    const kept = lines.slice(0, -1).reduce((sum, line) => sum + line.length - "stdout".length, 0);
    // The last line was cut before its end.
    assert.ok(kept <= limits.logBytesMax + 1 && kept > 0.9 * limits.logBytesMax, `${kept} bytes kept`);
    const slowest = times.toSorted((one, other) => one - other)[times.length >> 1] as number;
    context.diagnostic(
      `live memory +${(highest - restMiB).toFixed(1)} MiB, others ${quiet.toFixed(1)} -> ${slowest.toFixed(1)} ms`,
    );
    assert.ok(highest - restMiB < 30, `the server's live memory grew from ${restMiB} to ${highest} MiB`);
    assert.ok(slowest < Math.max(2000, 50 * quiet), `others took ${slowest} ms instead of ${quiet} ms`);
    reader.close();
  });

  test("a slow reader loses lines, is told how many, and slows no call; too many readers are refused", async () => {
    const fn = await deploy("chatty", printer);
    const slow = await readEvents(`${logs}?follow=true&function=${fn.id}`);
    slow.pause();
    const lines = Array.from({ length: 4000 }, (_, i) => `${i} ${"x".repeat(200)}`);
    for (let round = 0; round < 8; round++) assert.equal((await call(fn.invokeUrl, { lines })).status, 200);
    await linesOf(platform.url, (await call(fn.invokeUrl, { lines: ["last"] })).activationId, 1);
    slow.resume();
    const quick = async () => {
      for (let tries = 0; tries < 100 && !slow.events.some(({ event }) => event === "lost"); tries++) {
        await call(fn.invokeUrl, { lines: ["more"] });
        await sleep(20);
      }
    };
    await quick();
    const lost = await slow.find("what was lost", ({ event }) => event === "lost");
    assert.ok(Number(lost.data["count"]) > 0);
    assert.ok(slow.lines().length > 100, "what there was room for came");
    slow.close();

    const readers = await Promise.all(Array.from({ length: 70 }, () => readEvents(`${logs}?follow=true`)));
    const refused = readers.filter(({ status }) => status === 429);
    assert.ok(refused.length >= 5, `${refused.length} of 70 readers refused`);
    for (const reader of readers) reader.close();
  });
});

test("readers end when the server stops, which does not wait for them; what is over its size or age goes", async () => {
  const data = mkdtempSync(join(tmpdir(), "kiln-logs-"));
  const first = await startPlatform({ data });
  const fn = await first.deploy({ name: "big", file: ["index.js", printer] });
  const lines = Array.from({ length: 300 }, (_, i) => `${i} ${"x".repeat(3000)}`);
  for (let round = 0; round < 4; round++) await call(fn.invokeUrl, { lines });
  const { activationId } = await call(fn.invokeUrl, { lines: ["newest"] });
  await linesOf(first.url, activationId, 1);
  const reader = await readEvents(`${first.url}${logsPath}?follow=true`);
  const beganAt = Date.now();
  assert.equal(await first.stop(), 0, first.log());
  await reader.ended;
  assert.ok(Date.now() - beganAt < 20_000, "far less than the drain time");

  const second = await startPlatform({ data, env: { POLYKILN_LOG_RETENTION_MIB: "1" } });
  try {
    const oldest = async () => {
      const answer = await send("GET", `${second.url}${logsPath}?since=1&limit=1000`);
      return (answer.json as unknown as { items: Line[] }).items;
    };
    let found: Line[] = [];
    for (let tries = 0; tries < 200; tries++) {
      found = await oldest();
      if (found.length < 500) break;
      await sleep(100);
    }
    assert.ok(found.length > 200 && found.length < 500, `${found.length} lines of 3 KiB are left of 1200`);
    assert.equal(found.at(-1)?.text, "newest");
  } finally {
    assert.equal(await second.stop(), 0, second.log());
    rmSync(data, { recursive: true, force: true });
  }
});

async function medianMs(url: string, calls: number): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < calls; i++) {
    const beganAt = performance.now();
    assert.equal((await call(url, {})).status, 200);
    times.push(performance.now() - beganAt);
  }
  return times.toSorted((one, other) => one - other)[times.length >> 1] as number;
}

/** The calls whose ends were told. */
function ends(events: EventReader["events"]) {
  return events.flatMap(({ event, data }) => (event === "activation" ? [data["id"]] : []));
}
