/**
 * The server is killed under load and started again on the same data. What it has told anybody must still be true: records that a reader
 * was shown, calls answered more than 300 ms before the kill, definitions whose change was answered. Nothing of it may go on running.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Answer, call, send, type ShownRecord } from "../client.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { assertGone, cannotCount, instanceOf, processesWith } from "./footprint.ts";

const rounds = 6;
/** Of each round before the kill, in ms; by turns, so that the kill comes at different moments of a batch. */
const loadMs = [700, 1013, 1341, 1677, 2003, 2339];
/**
 * Records are written within 100 ms and what the disk takes. Another file of tests writes to the same disk meanwhile: the record of a
 * call that was answered 111 ms before the kill was seen to be missing. What a write took at the time is added.
 */
const durableAfterMs = 300;
/** A fraction of a second, but on a machine that is busy with everything else it took over 20. */
const goneWithinMs = 60_000;
const main = join(import.meta.dirname, "../../src/roles/main.ts");
const startArguments = ["--disable-warning=ExperimentalWarning", main, "start", "--listen", "127.0.0.1:0", "--data"];

/** What the server has promised by answering, over all rounds. */
interface Promises {
  /** Calls by id: what was answered and when (monotonic ms). */
  readonly answered: Map<string, { readonly at: number; readonly ok: boolean }>;
  /** Ids of records that a reader has seen, with their text. */
  readonly shown: Map<string, string>;
  /** Functions by name: the value and revision of the last change that was answered; null: deleted. */
  readonly functions: Map<string, { readonly value: string; readonly revision: number } | null>;
  /** A change that was sent and not answered: it may be there or not. */
  readonly open: Map<string, string | null>;
}

describe("the server is killed under load", { skip: cannotCount, timeout: 240_000 }, () => {
  let data: string;
  let platform: Platform;
  const promises: Promises = { answered: new Map(), shown: new Map(), functions: new Map(), open: new Map() };
  before(async () => {
    data = mkdtempSync(join(tmpdir(), "kiln-data-"));
    platform = await startPlatform({ data });
  });
  after(async () => {
    await platform?.stop();
    rmSync(data, { recursive: true, force: true });
    rmSync(`${data}.disk`, { force: true });
  });

  for (let number = 0; number < rounds; number++) {
    test(`round ${number + 1}: what was told is still true, and nothing goes on running`, async (t) => {
      const load = startLoad(platform, promises, number);
      const disk = watchDisk(`${data}.disk`);
      await load.begun();
      await sleep(loadMs[number % loadMs.length] as number);
      const instance = instanceOf(platform.pid, data);
      const killedAt = performance.now();
      const diskMs = disk.slowestMs();
      await platform.crash();
      await disk.stop();
      await load.ended();
      const goneMs = await assertGone(instance, goneWithinMs);
      const beganAt = performance.now();
      platform = await startPlatform({ data });
      const startMs = Math.round(performance.now() - beganAt);
      const durable = await checkRecords(platform, promises, killedAt - durableAfterMs - 2 * diskMs);
      await checkDefinitions(platform, promises);
      await assertGone(instance, 0);
      t.diagnostic(
        `${load.count.calls} calls, ${load.count.changes} changes, ${load.count.reads} readings; all gone after ${goneMs} ms, serves again after ${startMs} ms; ${durable} records and ${promises.functions.size} definitions checked`,
      );
    });
  }

  test("killed at any moment of its start, it starts again and nothing goes on running", async () => {
    await platform.crash();
    for (const ms of [40, 120, 200, 280, 360, 500]) {
      const starting = spawn(process.execPath, [...startArguments, data], { stdio: "ignore" });
      const ended = new Promise((resolve) => starting.once("exit", resolve));
      await sleep(ms);
      starting.kill("SIGKILL");
      await ended;
      // Its spawner knows the data folder by the name of the state file.
      const giveUpAt = performance.now() + goneWithinMs;
      while (processesWith(data).length > 0 && performance.now() < giveUpAt) await sleep(20);
      assert.deepEqual(processesWith(data), [], `killed after ${ms} ms`);
    }
    platform = await startPlatform({ data });
    await checkRecords(platform, promises, performance.now());
    await checkDefinitions(platform, promises);
  });
});

/** Callers, a reader of records and somebody who changes definitions, until the server is gone. */
function startLoad(platform: Platform, promises: Promises, round: number) {
  const count = { calls: 0, changes: 0, reads: 0 };
  const base = `${platform.url}/kiln/v1/namespaces/guest`;
  const callers = [0, 1, 2, 3].map((caller) =>
    untilGone(async () => {
      const name = `called-${caller % 2}`;
      const fn = count.calls < 4 ? await platform.deploy({ name, file: ["index.js", callSource] }) : undefined;
      const url = fn?.invokeUrl ?? `${base}/apps/tests/functions/${name}/invoke`;
      const { status, activationId } = await call(url, { ms: caller, fail: count.calls % 7 === 0 });
      promises.answered.set(activationId, { at: performance.now(), ok: status === 200 });
      count.calls++;
    }),
  );
  const reader = untilGone(async () => {
    const { items } = (await send("GET", `${base}/activations?limit=50`)).json as unknown as { items: ShownRecord[] };
    for (const item of items) promises.shown.set(item.id, JSON.stringify(item));
    count.reads++;
    await sleep(5);
  });
  const changer = untilGone(async () => {
    const name = `changed-${count.changes % 5}`;
    await change(base, promises, name, count.changes % 11 === 10 ? null : `${round}-${count.changes}`);
    count.changes++;
  });
  const all = Promise.all([...callers, reader, changer]);
  const begun = async () => {
    while (Math.min(count.calls, count.changes, count.reads) === 0) await sleep(10);
  };
  return { begun, ended: () => all, count };
}

const callSource = `
exports.handler = async ({ ms, fail }) => {
  if (fail) throw new Error("as asked");
  await new Promise((resolve) => setTimeout(resolve, ms));
  return "ok";
};`;

/** Null deletes. */
async function change(base: string, promises: Promises, name: string, value: string | null): Promise<void> {
  promises.open.set(name, value);
  const url = `${base}/apps/_/functions/${name}`;
  const code = Buffer.from(`exports.handler = () => ${JSON.stringify(value)}`).toString("base64");
  const body = JSON.stringify({ kind: "nodejs:24", code, fileName: "index.js", config: { VALUE: value } });
  const answer =
    value === null ? await send("DELETE", url) : await send("PUT", url, body, { "content-type": "application/json" });
  assert.ok(answer.status < 300 || answer.status === 404, answer.text);
  promises.functions.set(name, value === null ? null : { value, revision: answer.json["revision"] as number });
  promises.open.delete(name);
}

/** Repeats until the connection breaks, which is how a client learns of the kill. */
async function untilGone(act: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await act();
    } catch (error) {
      // `fetch` says it so, also when the answer breaks off.
      if (error instanceof TypeError) return;
      throw error;
    }
  }
}

/** Writes a few bytes to the disk now and then, and tells how long the slowest write took, also one that is not over. */
function watchDisk(path: string) {
  let slowest = 0;
  let beganAt = performance.now();
  const over = new AbortController();
  const slowestMs = () => Math.max(slowest, performance.now() - beganAt);
  const watched = (async () => {
    const file = await open(path, "w");
    for (; !over.signal.aborted; await sleep(20)) {
      beganAt = performance.now();
      await file.write("x", 0);
      await file.datasync();
      slowest = slowestMs();
    }
    await file.close();
  })();
  const stop = () => {
    over.abort();
    return watched;
  };
  return { slowestMs, stop };
}

/** `promisedUntil`: what was answered later may be lost. */
async function checkRecords(platform: Platform, promises: Promises, promisedUntil: number): Promise<number> {
  const stored = await allRecords(platform);
  const ids = stored.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length, "each record is there once");
  const byId = new Map(stored.map((record) => [record.id, record]));
  for (const [id, text] of promises.shown) assert.equal(JSON.stringify(byId.get(id)), text, "a record that was shown is there");
  for (const [id, { at, ok }] of promises.answered) {
    if (at > promisedUntil) {
      // Too late to be promised: from the next round on it is what it turned out to be.
      promises.answered.delete(id);
      continue;
    }
    assert.equal(
      byId.get(id)?.status,
      ok ? "success" : "function_error",
      `call ${id}, answered ${promisedUntil - at} ms before the first that may be lost`,
    );
  }
  return stored.length;
}

async function allRecords(platform: Platform): Promise<ShownRecord[]> {
  const items: ShownRecord[] = [];
  let cursor = "";
  do {
    const answer = await send("GET", `${platform.url}/kiln/v1/namespaces/guest/activations?limit=100${cursor}`);
    const page = page200(answer) as unknown as { items: ShownRecord[]; nextCursor: string | null };
    items.push(...page.items);
    cursor = page.nextCursor === null ? "" : `&cursor=${encodeURIComponent(page.nextCursor)}`;
  } while (cursor !== "");
  return items;
}

async function checkDefinitions(platform: Platform, promises: Promises): Promise<void> {
  for (const [name, expected] of promises.functions) {
    const url = `${platform.url}/kiln/v1/namespaces/guest/apps/_/functions/${name}`;
    const answer = await send("GET", url);
    const found = answer.status === 404 ? null : (page200(answer) as { config: { VALUE: string }; revision: number });
    const value = found?.config.VALUE ?? null;
    const isOpenOne = promises.open.has(name) && promises.open.get(name) === value;
    if (!isOpenOne) assert.deepEqual(found && { value, revision: found.revision }, expected, `definition ${name}`);
    // Whole or not at all: the code of a definition is there before it is.
    if (value !== null) assert.equal((await call(`${url}/invoke`, {})).text, value);
    promises.functions.set(name, found && { value: found.config.VALUE, revision: found.revision });
  }
  promises.open.clear();
}

function page200(answer: Answer): Readonly<Record<string, unknown>> {
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
}
