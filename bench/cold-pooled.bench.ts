import { spawn } from "node:child_process";
import { join } from "node:path";
import { cleanEnvironment, example, type Platform, startPlatform } from "../test/platform.ts";
import { type Bench, compare, median, RawClient } from "./bench.ts";
import { startDockerRun } from "./parts/docker.ts";
import { withOpen } from "./parts/open.ts";

const functions = 200;
/** A container takes far longer than all the others, so there are fewer. */
const roundsADockerRun = 10;
const hello = join(import.meta.dirname, "../examples/hello-node");

/** The same handler without a platform, as in `cold-empty.bench.ts`. */
const plain = `Promise.resolve(require(${JSON.stringify(join(hello, "index.js"))}).handler({}, {})).then((answer) => process.stdout.write(JSON.stringify(answer)))`;

/** The first calls of functions that were never called, one at a time, with a pool that is full again before each. */
export const bench: Bench = {
  question: "What does a first call cost that finds a stem cell, beside starting the handler as a plain node process?",
  unit: "ms",
  run: () =>
    withOpen(async (keep) => {
      const docker = keep(await startDockerRun());
      const platform = keep(await startPlatform());
      const ids = await deployAll(platform);
      const client = await RawClient.connect(platform.port);
      keep({ stop: () => client.close() });
      const oursMs: number[] = [];
      const plainMs: number[] = [];
      const dockerMs: number[] = [];
      for (const [round, id] of ids.entries()) {
        await filled(platform);
        const ours = await timeMs(() => firstCall(client, id));
        const theirs = await timeMs(plainStart);
        const dockers = docker !== null && round % roundsADockerRun === 0 ? [await timeMs(() => docker.run())] : [];
        // The first rounds warm the file cache for both, and the front for us.
        if (round < ids.length - functions) continue;
        oursMs.push(ours);
        plainMs.push(theirs);
        dockerMs.push(...dockers);
      }
      const plainP50 = median(plainMs);
      return {
        n: functions,
        checks: [
          compare("first call, p50", median(oursMs), "plain node start, p50", plainP50, 0.06),
          compare("first call, p99", p99(oursMs), "plain node start, p50", plainP50, 0.3),
          ...(docker === null ? [] : [compare("first call, p50", median(oursMs), "docker run, p50", median(dockerMs), 0.02)]),
        ],
      };
    }),
};

/** With some more for the warm-up; no two have the same code. */
async function deployAll(platform: Platform): Promise<string[]> {
  const ids: string[] = [];
  const [name, text] = example("hello-node");
  for (let i = 0; i < functions + 5; i++) {
    const { id } = await platform.deploy({ name: `first-${i}`, file: [name, `${text}// ${i}\n`] });
    ids.push(id);
  }
  return ids;
}

/** Two cells are ready, and nothing is being started. */
async function filled({ url }: Platform): Promise<void> {
  for (;;) {
    const text = await (await fetch(`${url}/metrics`)).text();
    const count = (state: string) => Number(new RegExp(`^polykiln_stem_cells\\{state="${state}"\\} (\\d+)`, "m").exec(text)?.[1]);
    if (count("ready") >= 2 && count("starting") === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function firstCall(client: RawClient, id: string): Promise<void> {
  const answer = await client.call(`POST /invoke/${id} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n`);
  if (!answer.startsWith("HTTP/1.1 200")) throw new Error(`Unexpected answer: ${answer.slice(0, 900)}`);
}

/** From spawn to the first byte on STDOUT. */
function plainStart(): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["-e", plain], { stdio: ["ignore", "pipe", "inherit"], env: cleanEnvironment });
    child.stdout.once("data", () => resolve());
    child.once("error", reject);
  });
}

function p99(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.99) - 1] as number;
}

async function timeMs(work: () => Promise<void>): Promise<number> {
  const beganAt = performance.now();
  await work();
  return performance.now() - beganAt;
}
