import { example, type Platform, startPlatform } from "../test/platform.ts";
import { atLeast, type Bench, median } from "./bench.ts";
import { Load } from "./parts/load.ts";
import { withOpen } from "./parts/open.ts";

const functions = 100;
const connections = 32;
const rounds = 9;
const roundMs = 1500;
/** A function is warm when its own process has compiled its paths, which takes some thousand calls of each. */
const warmUpMs = 25_000;

/** Warm calls of one function, and of many by chance, on the same server. */
export const bench: Bench = {
  question: `How many warm calls a second when each goes to one of ${functions} functions by chance, beside all to one?`,
  unit: "calls/s",
  run: () =>
    withOpen(async (keep) => {
      const platform = keep(await startPlatform());
      const load = keep(new Load());
      const paths = await deployed(platform);
      const lanes = [
        { paths, callsPerS: [] as number[] },
        { paths: paths.slice(0, 1), callsPerS: [] as number[] },
      ] as const;
      const measure = async (of: readonly string[], forMs: number) => {
        const { calls, tookMs } = await load.run({ port: platform.port, paths: of, connections, forMs });
        return (calls * 1000) / tookMs;
      };
      for (const path of paths) await load.run({ port: platform.port, paths: [path], connections: 1, forMs: 0 });
      for (const lane of lanes) await measure(lane.paths, warmUpMs);
      for (let round = 0; round < rounds; round++) {
        for (const lane of lanes) lane.callsPerS.push(await measure(lane.paths, roundMs));
      }
      const [mixed, one] = lanes;
      return {
        n: rounds,
        checks: [atLeast(`calls of ${functions} functions`, median(mixed.callsPerS), "of one", median(one.callsPerS), 0.8)],
      };
    }),
};

async function deployed(platform: Platform): Promise<string[]> {
  const [name, text] = example("hello-node");
  const paths: string[] = [];
  for (let i = 0; i < functions; i++) {
    const settings = { concurrency: 100, idleTimeoutMs: 600_000 };
    const { id } = await platform.deploy({ name: `mixed-${i}`, file: [name, `${text}// ${i}\n`], settings });
    paths.push(`/invoke/${id}`);
  }
  return paths;
}
