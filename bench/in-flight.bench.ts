import { type Deployment, type Platform, startPlatform } from "../test/platform.ts";
import { type Bench, type Check, compare, median } from "./bench.ts";
import { Load } from "./parts/load.ts";
import { withOpen } from "./parts/open.ts";
import { forgetPeak, peakMiB, residentMiB, treeOf } from "./parts/processes.ts";

const calls = 10_000;
const waitMs = 1000;
const rounds = 5;

const settings = { concurrency: calls, sandboxesMax: 1, memoryMiB: 1024, idleTimeoutMs: 600_000 };

const handler = `exports.handler = () => new Promise((resolve) => setTimeout(resolve, ${waitMs}, { waited: true }));\n`;

const server = `
require("node:http").createServer((request, response) => {
  request.resume();
  setTimeout(() => response.end('{"waited":true}'), ${waitMs});
}).listen(Number(process.env.PORT), "127.0.0.1");
`;

/** All connections are open before the first call; an answer other than 200 is an error of the load generator. */
export const bench: Bench = {
  question: `What become ${calls} simultaneous calls of one function that waits ${waitMs} ms, in one sandbox?`,
  unit: "ms or MiB",
  run: async () => ({ n: rounds, checks: [...(await framesChecks()), await portCheck()] }),
};

const framesChecks = (): Promise<readonly Check[]> =>
  withRounds({ name: "waits", file: ["index.js", handler], settings }, async (platform, round) => {
    const before = residentMiB(platform.pid);
    const code = codeOf(platform);
    const tookMs: number[] = [];
    for (let count = 0; count < rounds; count++) {
      for (const pid of [platform.pid, code]) forgetPeak(pid);
      tookMs.push(await round());
    }
    return [
      compare("to the last answer", median(tookMs), "promised", 2500, 1),
      compare("memory of the sandbox at most", peakMiB(code), "promised", 400, 1),
      compare("memory of the platform, more at most", peakMiB(platform.pid) - before, "promised", 400, 1),
    ];
  });

/** Each call has a connection of its own, through the bridge into the sandbox; the first round makes them. */
const portCheck = (): Promise<Check> => {
  const port = { ...settings, protocol: "http-port", command: ["node", "server.js"], timeoutMs: 60_000 };
  return withRounds({ name: "waits-on-port", file: ["server.js", server], settings: port }, async (_platform, round) => {
    const tookMs: number[] = [];
    for (let count = 0; count < rounds; count++) tookMs.push(await round());
    return compare("to the last answer over http-port", median(tookMs), "promised", 6000, 1);
  });
};

/** A platform of its own with the function, started; `round` makes all calls and says how long they took. */
function withRounds<T>(
  deployment: Deployment,
  measure: (platform: Platform, round: () => Promise<number>) => Promise<T>,
): Promise<T> {
  return withOpen(async (keep) => {
    const platform = keep(await startPlatform());
    const load = keep(new Load());
    const { id } = await platform.deploy(deployment);
    const order = { port: platform.port, paths: [`/invoke/${id}`], forMs: 0 };
    await load.run({ ...order, connections: 1 });
    return await measure(platform, async () => (await load.run({ ...order, connections: calls })).tookMs);
  });
}

/** The process that runs the function: the largest below the server. */
function codeOf({ pid }: Platform): number {
  const [largest] = treeOf(pid)
    .slice(1)
    .toSorted((one, other) => residentMiB(other) - residentMiB(one));
  if (largest === undefined) throw new Error("The server has no processes");
  return largest;
}
