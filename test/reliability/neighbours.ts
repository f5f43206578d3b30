/**
 * A quiet namespace beside one that asks for twenty times what it gets. `node test/reliability/neighbours.ts [rounds] [seconds]` prints
 * each round and the median; the test runs a short one.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realWorld } from "../../src/lib/world.ts";
import { logSchema } from "../../src/logs/sqlite/migrations.ts";
import { queueSchema } from "../../src/queue/sqlite/migrations.ts";
import { openDatabase } from "../../src/sql/sqlite/database.ts";
import { storeSchema } from "../../src/store/sqlite/migrations.ts";
import { sqliteStore } from "../../src/store/sqlite/store.ts";
import { call } from "../client.ts";
import { type DeployedFunction, type Platform, startPlatform } from "../platform.ts";
import { type Bystander, startBystander } from "./bystander.ts";
import { type LoadResult, startLoad } from "./open-loop.ts";

/** Takes 5 ms of a processor, however long that is. */
const source = `
exports.handler = () => {
  const began = process.cpuUsage();
  for (;;) {
    const { user, system } = process.cpuUsage(began);
    if (user + system >= 5000) return "done";
  }
};`;

export interface Neighbours {
  readonly platform: Platform;
  readonly quiet: DeployedFunction;
  readonly noisy: DeployedFunction;
  readonly bystander: Bystander;
  stop(): Promise<void>;
}

/** A server with two namespaces, `guest` and `noisy`, and a function in each. */
export async function startNeighbours(
  flags: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Neighbours> {
  const data = mkdtempSync(join(tmpdir(), "kiln-neighbours-"));
  await makeNamespace(data, "noisy");
  const platform = await startPlatform({ data, flags, env });
  const bystander = await startBystander();
  const stop = async () => {
    await Promise.all([platform.stop(), bystander.stop()]);
    rmSync(data, { recursive: true, force: true });
  };
  try {
    const file = ["index.js", source] as const;
    const quiet = await platform.deploy({ name: "quiet", file });
    const noisy = await platform.deploy({ namespace: "noisy", name: "noisy", file });
    for (const { invokeUrl } of [quiet, noisy]) {
      const { status, text } = await call(invokeUrl, {});
      if (status !== 200) throw new Error(`${invokeUrl}: ${status} ${text}`);
    }
    return { platform, quiet, noisy, bystander, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Our API makes no namespaces yet: into the store of a server that does not run. */
export async function makeNamespace(data: string, name: string): Promise<void> {
  const world = realWorld();
  const schemas = [storeSchema, logSchema, queueSchema];
  const database = await openDatabase({ path: join(data, "polykiln.db"), schemas, newId: world.newId });
  await sqliteStore(database).namespaces.create({ id: world.newId(), name, createdAt: world.now() });
  await database.close();
}

export interface Round {
  readonly alone: LoadResult;
  readonly beside: LoadResult;
  /** A plain server at the same time, which meets the same stalls of the machine. */
  readonly plain: LoadResult;
  readonly noisy: LoadResult;
  /** What the noisy one was sent. */
  readonly noisyPerSecond: number;
  /** The server's part of one processor while both were there, in percent. */
  readonly serverCpuPercent: number;
}

export async function runRound({ platform, quiet, noisy, bystander }: Neighbours, seconds: number): Promise<Round> {
  const { port } = platform;
  const orderOf = (fn: DeployedFunction, perSecond: number, underwayMax: number, forSeconds: number, warmupSeconds: number) => {
    const path = new URL(fn.invokeUrl).pathname;
    return startLoad({ port, path, perSecond, underwayMax, seconds: forSeconds, warmupSeconds });
  };
  const alone = await orderOf(quiet, 20, 1000, seconds, 0).result;
  const capacity = (await orderOf(noisy, 2000, 16, 4, 2).result).goodPerSecond;
  // Of two namespaces each has a right to half.
  const noisyPerSecond = Math.round((20 * capacity) / 2);
  const warmupSeconds = 3;
  // All of it counts: on a busy machine only what comes first is served before the round is over.
  const load = orderOf(noisy, noisyPerSecond, 4000, seconds + 2 * warmupSeconds, 0);
  const ticks = cpuTicks(platform.pid);
  const beganAt = performance.now();
  const quietOrder = { perSecond: 20, underwayMax: 1000, seconds: seconds + warmupSeconds, warmupSeconds };
  const plainLoad = startLoad({ ...quietOrder, port: bystander.port, path: "/" });
  const beside = await startLoad({ ...quietOrder, port, path: new URL(quiet.invokeUrl).pathname }).result;
  const serverCpuPercent = ((cpuTicks(platform.pid) - ticks) * 1000) / (performance.now() - beganAt);
  return { alone, beside, plain: await plainLoad.result, noisy: await load.result, noisyPerSecond, serverCpuPercent };
}

/** Of a hundredth of a second each, user and system. */
function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

const ms = (value: number) => `${value.toFixed(1)} ms`;

export function sayRound({ alone, beside, plain, noisy, noisyPerSecond, serverCpuPercent }: Round): string {
  return [
    `alone p50 ${ms(alone.p50Ms)} p99 ${ms(alone.p99Ms)}; beside p50 ${ms(beside.p50Ms)} p99 ${ms(beside.p99Ms)} max ${ms(beside.maxMs)}; a plain server p99 ${ms(plain.p99Ms)}`,
    `ratio ${(beside.p99Ms / alone.p99Ms).toFixed(2)}; noisy ${noisyPerSecond}/s sent, ${noisy.goodPerSecond.toFixed(0)}/s served`,
    `${JSON.stringify(noisy.statuses)}, ${noisy.unsent} unsent, generator ${noisy.cpuPercent.toFixed(0)} %, server ${serverCpuPercent.toFixed(0)} %`,
  ].join("; ");
}

if (process.argv[1] === import.meta.filename) {
  const [rounds = 3, seconds = 15] = process.argv.slice(2).map(Number);
  const neighbours = await startNeighbours();
  const ratios: number[] = [];
  try {
    for (let i = 0; i < rounds; i++) {
      const round = await runRound(neighbours, seconds);
      ratios.push(round.beside.p99Ms / round.alone.p99Ms);
      process.stdout.write(`${sayRound(round)}\n`);
    }
  } finally {
    await neighbours.stop();
  }
  const median = ratios.toSorted((a, b) => a - b)[Math.floor(ratios.length / 2)] ?? Number.NaN;
  process.stdout.write(`p99 beside the noisy one by p99 alone: ${median.toFixed(2)} (median of ${rounds})\n`);
}
