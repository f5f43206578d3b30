import { availableParallelism } from "node:os";
import { example, type Platform, startPlatform } from "../test/platform.ts";
import { type Bench, compare, median } from "./bench.ts";
import { Load } from "./parts/load.ts";
import { withOpen } from "./parts/open.ts";
import { plainNodeStart, timeMs } from "./parts/plain.ts";

const functions = 200;
const rounds = 5;

/** First calls of functions of different code at once, everything on, and as many plain starts of the same handler. */
export const bench: Bench = {
  question: `How long until the last of ${functions} first calls to ${functions} functions at once is answered, beside as many plain node starts?`,
  unit: "ms",
  run: () =>
    withOpen(async (keep) => {
      const platform = keep(await startPlatform());
      const load = keep(new Load());
      const parallelism = await bestParallelism();
      const oursMs: number[] = [];
      const plainMs: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const paths = await deployed(platform, round);
        // Not answered with 200 is an error of the load generator.
        oursMs.push((await load.run({ port: platform.port, paths, connections: functions, forMs: 0 })).tookMs);
        plainMs.push(await plainStarts(functions, parallelism));
      }
      const reference = `plain node starts, ${parallelism} at a time`;
      return { n: rounds, checks: [compare("to the last first call", median(oursMs), reference, median(plainMs), 1.3)] };
    }),
};

async function deployed(platform: Platform, round: number): Promise<string[]> {
  const [name, text] = example("hello-node");
  const paths: string[] = [];
  for (let i = 0; i < functions; i++) {
    const file = [name, `${text}// ${round} ${i}\n`] as const;
    const { id } = await platform.deploy({ name: `burst-${round}-${i}`, file, settings: { idleTimeoutMs: 1000 } });
    paths.push(`/invoke/${id}`);
  }
  return paths;
}

async function bestParallelism(): Promise<number> {
  const processors = availableParallelism();
  let best = { parallelism: 0, ms: Number.POSITIVE_INFINITY };
  for (const parallelism of [processors, processors * 2, processors * 4]) {
    const ms = await plainStarts(functions / 5, parallelism);
    if (ms < best.ms) best = { parallelism, ms };
  }
  return best.parallelism;
}

function plainStarts(count: number, parallelism: number): Promise<number> {
  let left = count;
  const line = async () => {
    while (left-- > 0) await plainNodeStart();
  };
  return timeMs(() => Promise.all(Array.from({ length: parallelism }, line)));
}
