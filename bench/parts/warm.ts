/** One warm function on the platform, and the same handler behind its own server, alone and behind proxies of others. */
import { join } from "node:path";
import { example, startPlatform } from "../../test/platform.ts";
import { median } from "../bench.ts";
import { Load } from "./load.ts";
import { withOpen } from "./open.ts";
import { cpuMsOf } from "./processes.ts";
import { type Reference, startFunctionServer, startGoProxy, startNginx } from "./references.ts";

const rounds = 7;
const roundMs = 1000;
/** The compiler is done after this long; before, it is what would be measured. */
const warmUpMs = 2500;
const hello = join(import.meta.dirname, "../../examples/hello-node/index.js");

/** What one of them did in a round. */
interface Sample {
  readonly callsPerS: number;
  readonly cpuUs: number;
  readonly p50Ms: number;
}

/** Medians over the rounds. Undefined where the reference is not there. */
export interface WarmFigures {
  readonly kiln: Sample;
  readonly bare: Sample;
  readonly go: Sample | undefined;
  readonly nginx: Sample | undefined;
}

interface Lane {
  readonly port: number;
  readonly path: string;
  /** All of its processes are one of these or below one. */
  readonly pids: readonly number[];
  readonly samples: Sample[];
}

export const warmRounds = rounds;

/** Measured in turns, `connections` at a time. */
export function measureWarm(connections: number): Promise<WarmFigures> {
  return withOpen(async (keep) => {
    const load = keep(new Load());
    const platform = keep(await startPlatform());
    // As many calls at a time as a server of its own would take.
    const { id } = await platform.deploy({ name: "hello", file: example("hello-node"), settings: { concurrency: 100 } });
    const bare = keep(await startFunctionServer(hello));
    const go = keep(await startGoProxy(bare.port));
    const nginx = keep(await startNginx(bare.port));
    const proxied = (proxy: Reference | null) => (proxy === null ? undefined : laneOf(proxy.port, "/", [proxy.pid, bare.pid]));
    const lanes = {
      kiln: laneOf(platform.port, `/invoke/${id}`, [platform.pid]),
      bare: laneOf(bare.port, "/", [bare.pid]),
      go: proxied(go),
      nginx: proxied(nginx),
    };
    const all = Object.values(lanes).filter((lane) => lane !== undefined);
    for (const lane of all) await sample(load, lane, connections, warmUpMs);
    for (let round = 0; round < rounds; round++) {
      for (const lane of all) lane.samples.push(await sample(load, lane, connections, roundMs));
    }
    const { kiln, bare: alone } = lanes;
    return {
      kiln: medians(kiln),
      bare: medians(alone),
      go: lanes.go && medians(lanes.go),
      nginx: lanes.nginx && medians(lanes.nginx),
    };
  });
}

function laneOf(port: number, path: string, pids: readonly number[]): Lane {
  return { port, path, pids, samples: [] };
}

async function sample(load: Load, { port, path, pids }: Lane, connections: number, forMs: number): Promise<Sample> {
  const before = cpuMsOf(pids);
  const { calls, tookMs, p50Ms } = await load.run({ port, paths: [path], connections, forMs });
  return { callsPerS: (calls * 1000) / tookMs, cpuUs: ((cpuMsOf(pids) - before) * 1000) / calls, p50Ms };
}

function medians({ samples }: Lane): Sample {
  const of = (figure: keyof Sample) => median(samples.map((each) => each[figure]));
  return { callsPerS: of("callsPerS"), cpuUs: of("cpuUs"), p50Ms: of("p50Ms") };
}
