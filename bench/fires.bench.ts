import { setTimeout as sleep } from "node:timers/promises";
import { type Platform, startPlatform } from "../test/platform.ts";
import { depthOf } from "../test/reliability/async-load.ts";
import { putAction, whisk } from "../test/whisk.ts";
import { type Bench, compare, median } from "./bench.ts";
import { accepted } from "./parts/accepting.ts";
import { cpuMsOf } from "./parts/processes.ts";

const rounds = 9;
const eventsARound = 2000;
const targetPerS = 5000;
/** Rules of the trigger that many hear of. */
const manyRules = 10;
const lookEveryMs = 20;

/** What is sent, and how many calls each makes. */
interface Way {
  readonly path: string;
  readonly calls: number;
}

const direct: Way = { path: "actions/heard", calls: 1 };
const one: Way = { path: "triggers/one", calls: 1 };
const many: Way = { path: "triggers/many", calls: manyRules };

/** Events through OpenWhisk's door, each answered when its calls and its record are on the disk, and as many calls that nobody waits for. */
export const bench: Bench = {
  question: "How many events a second are accepted durably, and what does a rule cost beside a call?",
  unit: "ms",
  run: () => measure(eventsARound),
};

async function measure(count: number) {
  const platform = await startPlatform({ flags: ["--namespace-queued-max", String(2 * count)] });
  try {
    await furnish(platform);
    const taken = new Map([direct, one, many].map((way) => [way, [] as Taken[]]));
    for (let round = 0; round <= rounds; round++) {
      for (const [way, all] of taken) {
        const figures = await take(platform, way, count);
        // The compiler takes part in the first round.
        if (round > 0) all.push(figures);
      }
    }
    const of = (way: Way, figure: keyof Taken) => median((taken.get(way) ?? []).map((each) => each[figure]));
    process.stderr.write(
      `fires: ${Math.round(1000 / of(one, "ms"))} a second with one rule; µs of the server's CPU until it is answered: ` +
        `${us(of(one, "acceptCpuMs"))}, a call ${us(of(direct, "acceptCpuMs"))}; of all processes' until its calls have run, for each call: ` +
        `${us(of(one, "cpuMs"))}, of ${manyRules} rules ${us(of(many, "cpuMs"))}, a call ${us(of(direct, "cpuMs"))}\n`,
    );
    return {
      n: rounds * count,
      checks: [
        compare(`${targetPerS} durable events`, of(one, "ms") * targetPerS, "a second", 1000, 1),
        compare("CPU of an event", of(one, "acceptCpuMs"), `of a core at ${targetPerS} a second`, 1000 / targetPerS, 1),
        compare("CPU of an event with one rule, until its call has run", of(one, "cpuMs"), "a call", of(direct, "cpuMs"), 1.05),
        compare(
          `CPU of each of ${manyRules} rules, until their calls have run`,
          of(many, "cpuMs"),
          "a call",
          of(direct, "cpuMs"),
          1.05,
        ),
      ],
    };
  } finally {
    await platform.stop();
  }
}

async function furnish(platform: Platform): Promise<void> {
  await putAction(platform, "heard", { exec: { kind: "nodejs:default", code: "function main() { return {}; }" } });
  for (const { path, calls } of [one, many]) {
    await whisk(platform, "PUT", path, {});
    const trigger = `/_/${path.slice("triggers/".length)}`;
    for (let rule = 0; rule < calls; rule++)
      await whisk(platform, "PUT", `rules/${path.slice("triggers/".length)}${rule}`, { trigger, action: "/_/heard" });
  }
}

/** For each that was sent until it was answered, and for each call until all have run. */
interface Taken {
  readonly ms: number;
  readonly acceptCpuMs: number;
  readonly cpuMs: number;
}

async function take(platform: Platform, { path, calls }: Way, count: number): Promise<Taken> {
  const sent = count / calls;
  const before = cpuMsOf([platform.pid]);
  const { ms, cpuMs } = await accepted(platform, requestTo(platform, path), sent);
  await drained(platform);
  return { ms: ms / sent, acceptCpuMs: cpuMs / sent, cpuMs: (cpuMsOf([platform.pid]) - before) / count };
}

async function drained(platform: Platform): Promise<void> {
  for (;;) {
    const { ready, leased } = await depthOf(platform);
    if (ready + leased === 0) return;
    await sleep(lookEveryMs);
  }
}

function requestTo({ auth }: Platform, path: string): string {
  const head = `POST /api/v1/namespaces/_/${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic ${btoa(auth)}`;
  return `${head}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`;
}

function us(ms: number): number {
  return Math.round(ms * 1000);
}
