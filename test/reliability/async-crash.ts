/**
 * `node test/reliability/async-crash.ts [ROUNDS [SECONDS]]`: kills the server again and again under mixed load, at random moments and at
 * the points between the steps of an asynchronous call, then counts: what was accepted has one final record each, nothing is
 * left in the queue, destinations were told once, and nothing goes on running. After so many seconds no further round begins.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { send, type ShownRecord } from "../client.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { type Accepted, allItems, allRecords, deployLoad, depthOf, startLoad, telling } from "./async-load.ts";
import { readState } from "../../src/sandbox/spawner/state.ts";
import { assertGone, type Instance, instanceOf } from "./footprint.ts";

const program = join(import.meta.dirname, "crashing-server.ts");
const points = ["enqueue", "lease", "run", "record", "acknowledge"] as const;
/** What the spawner of a dead server has to do takes a fraction of a second, but on a machine that is busy with everything else it took over 20. */
const goneWithinMs = 60_000;
/** A queue that gets no shorter for so long is stuck. */
const stuckMs = 60_000;

export interface CrashReport {
  readonly rounds: number;
  readonly atPoints: number;
  readonly accepted: number;
  readonly finals: number;
  readonly deadLetters: number;
  readonly told: number;
  readonly syncCalls: number;
  readonly seconds: number;
}

/** Throws an AssertionError when anything is lost, doubled or left. */
export async function crashRounds(rounds: number, secondsMax: number, say: (line: string) => void): Promise<CrashReport> {
  const beganAt = performance.now();
  const data = mkdtempSync(join(tmpdir(), "kiln-data-"));
  const accepted: Accepted = { async: new Map(), sync: new Set() };
  let atPoints = 0;
  let platform: Platform | undefined;
  try {
    let round = 0;
    for (; round < rounds && performance.now() - beganAt < secondsMax * 1000; round++) {
      // Every second time at a point, after a few times of passing it; else whenever it happens.
      const point = round % 2 === 0 ? undefined : points[((round - 1) / 2) % points.length];
      const env: Record<string, string> = {};
      if (point !== undefined) env["CRASH_AT"] = `${point}:${1 + Math.floor(Math.random() * 12)}`;
      platform = await startPlatform({ data, program, env });
      if (round === 0) await deployLoad(platform);
      // By turns right at the start, with the backlog of the round before, or once callers are served.
      if (await killedUnderLoad(platform, accepted, data, round % 4 > 1)) atPoints++;
      platform = undefined;
      if (round % 10 === 9) say(`${round + 1} rounds, ${accepted.async.size} calls accepted`);
    }
    platform = await startPlatform({ data, program });
    await untilEmpty(platform);
    const report = await check(platform, accepted);
    assert.equal(await platform.stop(), 0);
    platform = undefined;
    return { rounds: round, atPoints, ...report, seconds: Math.round((performance.now() - beganAt) / 1000) };
  } finally {
    await platform?.crash();
    rmSync(data, { recursive: true, force: true });
  }
}

/** True when the server died at its point, before we killed it. */
async function killedUnderLoad(platform: Platform, accepted: Accepted, data: string, served: boolean): Promise<boolean> {
  const died = platform.ended.then(() => true);
  const instance = await instanceBefore(died, platform, data);
  const load = startLoad(platform, accepted);
  const kill = (served ? load.served() : Promise.resolve()).then(() => sleep(100 + Math.random() * 700, false));
  const byItself = await Promise.race([died, kill]);
  // What was started since has to go too.
  const later = byItself ? [] : (await instanceBefore(died, platform, data)).processes;
  await platform.crash();
  await load.stop();
  await assertGone({ ...instance, processes: [...instance.processes, ...later] }, goneWithinMs);
  return byItself;
}

/** With a backlog the server may have come to its point at once; what it made outside is in its state file then. */
async function instanceBefore(died: Promise<boolean>, { pid }: Platform, data: string): Promise<Instance> {
  try {
    return instanceOf(pid, data);
  } catch (error) {
    const state = readState(join(data, "sandboxes.json"));
    if (state === null || !(await Promise.race([died, sleep(5000, false)]))) throw error;
    return { state, pid, spawnerPid: 0, processes: [] };
  }
}

async function untilEmpty(platform: Platform): Promise<void> {
  let least = Number.POSITIVE_INFINITY;
  let movedAt = performance.now();
  for (;;) {
    const { ready, leased } = await depthOf(platform);
    if (ready + leased === 0) return;
    if (ready + leased < least) {
      least = ready + leased;
      movedAt = performance.now();
    }
    assert.ok(performance.now() - movedAt < stuckMs, `the queue gets no shorter: ${ready} wait, ${leased} run`);
    await sleep(100);
  }
}

async function check(platform: Platform, accepted: Accepted) {
  const records = await allRecords(platform);
  const byId = new Map(records.map((record) => [record.id, record]));
  assert.equal(byId.size, records.length, "each record is there once");
  for (const [id, name] of accepted.async) assert.equal(byId.get(id)?.function, name, `${id} was accepted and has no record`);
  for (const id of byId.keys()) assert.ok(!(accepted.async.has(id) && accepted.sync.has(id)), `${id} is two calls`);
  const letters = await allItems(platform, "dead-letters");
  const dead = records.filter(({ status }) => status === "dead_lettered").map(({ id }) => id);
  assert.deepEqual(letters.map(({ id }) => String(id)).toSorted(), dead.toSorted(), "dead letters are those of the records");
  checkStatuses(accepted, byId);
  const told = await checkTold(platform, records);
  const finals = [...accepted.async.keys()].filter((id) => byId.has(id)).length;
  return { accepted: accepted.async.size, finals, deadLetters: letters.length, told, syncCalls: accepted.sync.size };
}

function checkStatuses(accepted: Accepted, byId: ReadonlyMap<string, ShownRecord>): void {
  for (const [id, name] of accepted.async) {
    const { status } = byId.get(id) as ShownRecord;
    const expected = name === "failing" || name === "exiting" ? ["dead_lettered"] : ["success", "dead_lettered"];
    assert.ok(expected.includes(status), `${name} ${id} is ${status}`);
  }
}

/** Every asynchronous call of a function with destinations has told exactly one call of the function `sink`. */
async function checkTold(platform: Platform, records: readonly ShownRecord[]): Promise<number> {
  const sinks = records.filter(({ function: name }) => name === "sink");
  const sources = new Map<string, string>();
  for (const { id } of sinks) {
    const { items } = (await send("GET", `${platform.url}/kiln/v1/namespaces/guest/activations/${id}/logs`)).json as {
      items: { text: string }[];
    };
    const source = items.find(({ text }) => text.startsWith("told "))?.text.slice(5);
    // The lines of a call that ended just before a kill may be lost; its record is not.
    if (source === undefined) continue;
    assert.equal(sources.get(source), undefined, `${source} was told twice`);
    sources.set(source, id);
  }
  // What was accepted without the answer reaching its caller counts as well: it has no call of ours but a result or a dead letter.
  const outcomes = await allOutcomes(platform, records);
  assert.equal(sinks.length, outcomes, "destinations were told once for each outcome");
  return sinks.length;
}

/** Asynchronous calls of the functions that tell, known by their result or their dead letter. */
async function allOutcomes(platform: Platform, records: readonly ShownRecord[]): Promise<number> {
  let count = 0;
  for (const { id, function: name, status } of records) {
    if (!telling.includes(name)) continue;
    if (status === "dead_lettered") count++;
    if (status !== "success") continue;
    const answer = await send("GET", `${platform.url}/kiln/v1/namespaces/guest/activations/${id}/result`);
    if (answer.status === 200) count++;
  }
  return count;
}

if (import.meta.main) {
  const report = await crashRounds(Number(process.argv[2] ?? 20), Number(process.argv[3] ?? 86_400), (line) =>
    process.stderr.write(`${line}\n`),
  );
  process.stdout.write(`${JSON.stringify(report)}\n`);
}
