import { type Platform, startPlatform } from "../test/platform.ts";
import { type Bench, compare, median } from "./bench.ts";
import { Load } from "./parts/load.ts";
import { withOpen } from "./parts/open.ts";
import { forgetPeak, peakMiB, residentMiB, treeOf } from "./parts/processes.ts";

const calls = 10_000;
const waitMs = 1000;
const rounds = 5;
const source = `exports.handler = () => new Promise((resolve) => setTimeout(resolve, ${waitMs}, { waited: true }));\n`;

/** All connections are open before the first call; an answer other than 200 is an error of the load generator. */
export const bench: Bench = {
  question: `What become ${calls} simultaneous calls of one function that waits ${waitMs} ms, in one sandbox?`,
  unit: "ms or MiB",
  run: () =>
    withOpen(async (keep) => {
      const platform = keep(await startPlatform());
      const load = keep(new Load());
      const settings = { concurrency: calls, sandboxesMax: 1, memoryMiB: 1024, idleTimeoutMs: 600_000 };
      const { id } = await platform.deploy({ name: "waits", file: ["index.js", source], settings });
      const order = { port: platform.port, paths: [`/invoke/${id}`], forMs: 0 };
      await load.run({ ...order, connections: 1 });
      const before = residentMiB(platform.pid);
      const code = codeOf(platform);
      const tookMs: number[] = [];
      for (let round = 0; round < rounds; round++) {
        for (const pid of [platform.pid, code]) forgetPeak(pid);
        tookMs.push((await load.run({ ...order, connections: calls })).tookMs);
      }
      return {
        n: rounds,
        checks: [
          compare("to the last answer", median(tookMs), "promised", 2500, 1),
          compare("memory of the sandbox at most", peakMiB(code), "promised", 400, 1),
          compare("memory of the platform, more at most", peakMiB(platform.pid) - before, "promised", 400, 1),
        ],
      };
    }),
};

/** The process that runs the function: the largest below the server. */
function codeOf({ pid }: Platform): number {
  const [largest] = treeOf(pid)
    .slice(1)
    .toSorted((one, other) => residentMiB(other) - residentMiB(one));
  if (largest === undefined) throw new Error("The server has no processes");
  return largest;
}
