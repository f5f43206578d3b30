import { setTimeout as sleep } from "node:timers/promises";
import { example, type Platform, startPlatform } from "../test/platform.ts";
import { depthOf } from "../test/reliability/async-load.ts";
import { residentMiB } from "../test/reliability/footprint.ts";
import { type Bench, compare, median, RawClient } from "./bench.ts";
import { accepted } from "./parts/accepting.ts";

const backlogCalls = 100_000;
const targetPerS = 5000;
const syncRounds = 24;
const callsARound = 250;
/** A caller of a service has something else to do between two calls. */
const pauseMs = 2;
const warmUpCalls = 2000;
const lookEveryMs = 250;

/** Accepts with `wait=none` until there is a backlog, synchronous calls beside it, then the drain, all on one server. */
export const bench: Bench = {
  question: "What does a durable asynchronous call cost, and what does a backlog of 100,000 do to callers and to memory?",
  unit: "ms or MiB",
  run: () => measure(backlogCalls),
};

const post = (path: string) =>
  `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`;

async function measure(calls: number) {
  const platform = await startPlatform({ flags: ["--namespace-queued-max", String(2 * calls)] });
  try {
    const { id } = await platform.deploy({ name: "hello", file: example("hello-node") });
    const { invokeUrl } = await platform.deploy({ name: "later", file: example("hello-node") });
    const sync = post(`/invoke/${id}`);
    const async = post(`${new URL(invokeUrl).pathname}?wait=none`);
    const caller = await RawClient.connect(platform.port);
    for (let call = 0; call < warmUpCalls; call++) await caller.call(sync);
    await accepted(platform, async, 2000);
    await drained(platform);

    const alone = [await latencies(caller, sync)];
    const { ms, cpuMs } = await accepted(platform, async, calls);
    const before = residentMiB(platform.pid);
    const waiting = (await depthOf(platform)).ready;
    const beside = await latencies(caller, sync);
    const left = (await depthOf(platform)).ready;
    const drain = await drained(platform);
    alone.push(await latencies(caller, sync));
    caller.close();
    process.stderr.write(
      `accept: ${Math.round((calls * 1000) / ms)} accepted a second, ${Math.round((calls * 1000) / cpuMs)} a second of the server's CPU; ` +
        `${waiting} waited, ${waiting - left} of them ran beside ${syncRounds * callsARound} synchronous calls; ` +
        `${left} drained in ${Math.round(drain.ms / 1000)} s (${Math.round((left * 1000) / drain.ms)} a second); memory ${before} MiB, then ${thinned(drain.memoryMiB).join(" ")}\n`,
    );
    const [first, second] = halves(drain.memoryMiB).map((half) => Math.max(...half)) as [number, number];
    const both = (quantile: "p50" | "p99") => median(alone.map((figures) => figures[quantile]));
    return {
      n: calls,
      checks: [
        compare(`${targetPerS} durable accepts`, (ms / calls) * targetPerS, "a second", 1000, 1),
        compare("CPU of an accept", cpuMs / calls, `of a core at ${targetPerS} a second`, 1000 / targetPerS, 1),
        compare("synchronous call beside a backlog, p50", beside.p50, "alone, p50", both("p50"), 1.1),
        compare("synchronous call beside a backlog, p99", beside.p99, "alone, p99", both("p99"), 1.1),
        compare("memory at most in the second half of the drain", second, "in the first half", first, 1.1),
      ],
    };
  } finally {
    await platform.stop();
  }
}

async function latencies(client: RawClient, request: string): Promise<{ p50: number; p99: number }> {
  const times: number[] = [];
  for (let call = 0; call < syncRounds * callsARound; call++) {
    const beganAt = performance.now();
    await client.call(request);
    times.push(performance.now() - beganAt);
    await sleep(pauseMs);
  }
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.floor(sorted.length * part)] as number;
  return { p50: at(0.5), p99: at(0.99) };
}

/** Waits until nothing is left; the server's memory all the while. */
async function drained(platform: Platform): Promise<{ ms: number; memoryMiB: number[] }> {
  const beganAt = performance.now();
  const memory: number[] = [residentMiB(platform.pid)];
  for (;;) {
    const { ready, leased } = await depthOf(platform);
    if (ready + leased === 0) break;
    await sleep(lookEveryMs);
    memory.push(residentMiB(platform.pid));
  }
  return { ms: performance.now() - beganAt, memoryMiB: memory };
}

/** What grows with the calls that have run would be seen between them: the same number ran in each. */
function halves(series: readonly number[]): [number[], number[]] {
  return [series.slice(0, Math.ceil(series.length / 2)), series.slice(Math.floor(series.length / 2))];
}

/** About twenty of them. */
function thinned(series: readonly number[]): number[] {
  const step = Math.max(1, Math.ceil(series.length / 20));
  return series.filter((_, index) => index % step === 0);
}

if (import.meta.main) {
  const { checks } = await measure(Number(process.argv[2] ?? backlogCalls));
  process.stdout.write(`${JSON.stringify(checks, null, 1)}\n`);
}
