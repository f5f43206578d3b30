import { send } from "../test/client.ts";
import { type Platform, startPlatform } from "../test/platform.ts";
import { putAction } from "../test/whisk.ts";
import { atLeast, type Bench, compare, median } from "./bench.ts";
import { Load } from "./parts/load.ts";
import { withOpen } from "./parts/open.ts";
import { cpuMsOf } from "./parts/processes.ts";

const actions = 100;
const connections = 32;
const rounds = 9;
const roundMs = 1500;
const warmUpMs = 10_000;

/** Blocking calls of an action through OpenWhisk's door, of the same function through Fn's, and of many actions by chance. */
export const bench: Bench = {
  question: `What does a blocking call of an action cost in CPU beside /invoke of it, and what do ${actions} actions beside one?`,
  unit: "us",
  run: () =>
    withOpen(async (keep) => {
      const platform = keep(await startPlatform());
      const load = keep(new Load());
      const paths = await made(platform);
      const lanes = { invoke: [await invokePath(platform)], one: paths.slice(0, 1), many: paths };
      const headers = [`Authorization: Basic ${btoa(platform.auth)}`];
      const measure = async (of: readonly string[], forMs: number): Promise<Round> => {
        const before = cpuMsOf([platform.pid]);
        const { calls, tookMs } = await load.run({ port: platform.port, paths: of, headers, connections, forMs });
        return { cpuUs: ((cpuMsOf([platform.pid]) - before) * 1000) / calls, callsPerS: (calls * 1000) / tookMs };
      };
      for (const path of paths) await load.run({ port: platform.port, paths: [path], headers, connections: 1, forMs: 0 });
      for (const lane of Object.values(lanes)) await measure(lane, warmUpMs);
      const taken: Record<keyof typeof lanes, Round[]> = { invoke: [], one: [], many: [] };
      for (let round = 0; round < rounds; round++) {
        for (const [name, lane] of Object.entries(lanes)) taken[name as keyof typeof lanes].push(await measure(lane, roundMs));
      }
      const of = (lane: keyof typeof lanes, figure: keyof Round) => median(taken[lane].map((each) => each[figure]));
      return {
        n: rounds,
        checks: [
          compare("CPU of a blocking call of an action", of("one", "cpuUs"), "CPU of /invoke of it", of("invoke", "cpuUs"), 1.3),
          atLeast(`calls a second of ${actions} actions`, of("many", "callsPerS"), "of one", of("one", "callsPerS"), 0.7),
        ],
      };
    }),
};

interface Round {
  readonly cpuUs: number;
  readonly callsPerS: number;
}

async function made(platform: Platform): Promise<string[]> {
  const paths: string[] = [];
  for (let i = 0; i < actions; i++) {
    const code = `function main({ name = "World" }) { return { message: "Hello, " + name }; } // ${i}`;
    await putAction(platform, `action-${i}`, { exec: { kind: "nodejs:default", code }, limits: { concurrency: connections } });
    paths.push(`/api/v1/namespaces/_/actions/action-${i}?blocking=true`);
  }
  return paths;
}

/** Of the first action, in Fn's door. */
async function invokePath({ url, auth }: Platform): Promise<string> {
  const headers = { authorization: `Basic ${btoa(auth)}` };
  const { json } = await send("GET", `${url}/kiln/v1/namespaces/guest/apps/_/functions/action-0`, undefined, headers);
  return `/invoke/${String(json["id"])}`;
}
