import { spawn } from "node:child_process";
import { join } from "node:path";
import { cleanEnvironment, example, startPlatform } from "../test/platform.ts";
import { type Bench, compare, median, RawClient } from "./bench.ts";

const rounds = 21;
const hello = join(import.meta.dirname, "../examples/hello-node");

/** The same handler without a platform: a process that loads it, calls it and prints the answer. */
const plain = `Promise.resolve(require(${JSON.stringify(join(hello, "index.js"))}).handler({}, {})).then((answer) => process.stdout.write(JSON.stringify(answer)))`;

/** The first call of functions that were never called, one at a time, beside starting their handler as a plain process. */
export const bench: Bench = {
  question: "What does a cold call cost beside starting the handler as a plain node process?",
  unit: "ms",
  async run() {
    const platform = await startPlatform();
    try {
      const ids: string[] = [];
      for (let i = 0; i <= rounds; i++)
        ids.push(
          (await platform.deploy({ name: `cold-${i}`, file: example("hello-node"), settings: { idleTimeoutMs: 1000 } })).id,
        );
      const client = await RawClient.connect(platform.port);
      const oursMs: number[] = [];
      const plainMs: number[] = [];
      for (const [round, id] of ids.entries()) {
        const ours = await timeMs(() => coldCall(client, id));
        const theirs = await timeMs(plainStart);
        // The first round warms the file cache for both.
        if (round > 0) {
          oursMs.push(ours);
          plainMs.push(theirs);
        }
      }
      client.close();
      return { n: rounds, checks: [compare("cold call, p50", median(oursMs), "plain node start, p50", median(plainMs), 1.6)] };
    } finally {
      await platform.stop();
    }
  },
};

async function coldCall(client: RawClient, id: string): Promise<void> {
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

async function timeMs(work: () => Promise<void>): Promise<number> {
  const beganAt = performance.now();
  await work();
  return performance.now() - beganAt;
}
