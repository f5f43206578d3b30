import { example, startPlatform } from "../test/platform.ts";
import { atLeast, type Bench, compare, median } from "./bench.ts";
import { Load } from "./parts/load.ts";
import { withOpen } from "./parts/open.ts";
import { cpuMsOf, ownCpuMsOf } from "./parts/processes.ts";

const rounds = 7;
const roundMs = 1000;
const warmUpMs = 2500;
const connections = 32;

interface Sample {
  readonly callsPerS: number;
  /** Of all processes, and of the one that runs the calls, a call. */
  readonly cpuUs: number;
  readonly coreUs: number;
}

interface Lane {
  readonly fronts: number;
  readonly pid: number;
  readonly port: number;
  readonly path: string;
  readonly samples: Sample[];
}

/**
 * On two processors, shared with the function and the callers, front processes can only cost. What they are for is the second figure: what a call
 * costs the one process that there is only one of.
 */
export const bench: Bench = {
  question: "What does a warm call at 32 connections cost with front processes, in all and in the process that runs calls?",
  unit: "µs of CPU a call, calls/s",
  run: () =>
    withOpen(async (keep) => {
      const load = keep(new Load());
      const lanes: Lane[] = [];
      for (const fronts of [0, 1, 2]) {
        const platform = keep(await startPlatform({ flags: ["--front", String(fronts)] }));
        const settings = { concurrency: 100 };
        const { id } = await platform.deploy({ name: "hello", file: example("hello-node"), settings });
        lanes.push({ fronts, pid: platform.pid, port: platform.port, path: `/invoke/${id}`, samples: [] });
      }
      for (const lane of lanes) await sample(load, lane, warmUpMs);
      for (let round = 0; round < rounds; round++) {
        for (const lane of lanes) lane.samples.push(await sample(load, lane, roundMs));
      }
      const none = mediansOf(lanes[0] as Lane);
      const checks = lanes.slice(1).flatMap((lane) => {
        const some = mediansOf(lane);
        return [
          compare(`CPU of the core, --front ${lane.fronts}`, some.coreUs, "--front 0", none.coreUs, 1.05),
          compare(`CPU in all, --front ${lane.fronts}`, some.cpuUs, "--front 0", none.cpuUs, 2),
          atLeast(`calls, --front ${lane.fronts}`, some.callsPerS, "--front 0", none.callsPerS, 0.4),
        ];
      });
      return { n: rounds, checks };
    }),
};

async function sample(load: Load, { pid, port, path }: Lane, forMs: number): Promise<Sample> {
  const [allBefore, coreBefore] = [cpuMsOf([pid]), ownCpuMsOf(pid)];
  const { calls, tookMs } = await load.run({ port, paths: [path], connections, forMs });
  const perCallUs = (ms: number) => (ms * 1000) / calls;
  return {
    callsPerS: (calls * 1000) / tookMs,
    cpuUs: perCallUs(cpuMsOf([pid]) - allBefore),
    coreUs: perCallUs(ownCpuMsOf(pid) - coreBefore),
  };
}

function mediansOf({ samples }: Lane): Sample {
  const of = (figure: keyof Sample) => median(samples.map((each) => each[figure]));
  return { callsPerS: of("callsPerS"), cpuUs: of("cpuUs"), coreUs: of("coreUs") };
}
