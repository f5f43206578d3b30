import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { functionSource, npmKit } from "../test/kits.ts";
import { pack } from "../test/pack.ts";
import { type Platform, startPlatform } from "../test/platform.ts";
import { atLeast, type Bench, compare, median } from "./bench.ts";
import { startKitProxy } from "./parts/agent-proxy.ts";
import { grown } from "./parts/grown.ts";
import { Load } from "./parts/load.ts";
import { withOpen } from "./parts/open.ts";
import { ownCpuMsOf } from "./parts/processes.ts";

const sandboxes = 8;
const connections = 32;
const rounds = 7;
const roundMs = 1500;
const warmUpMs = 4000;

interface Lane {
  readonly port: number;
  readonly path: string;
  readonly pid: number;
  readonly callsPerS: number[];
  readonly cpuUs: number[];
}

/** The npm Fn kit, one call at a time in each process, as Fn has it. */
export const bench: Bench = {
  question: `How many calls of the npm Fn kit a second in ${sandboxes} sandboxes, beside a node:http + Agent proxy to ${sandboxes} such sandboxes?`,
  unit: "calls/s or us",
  run: () =>
    withOpen(async (keep) => {
      const kit = await npmKit(["@fnproject/fdk@0.0.76"]);
      const platform = keep(await startPlatform());
      const proxy = keep(await startKitProxy(keep(plainCopy(kit)).folder, sandboxes));
      const load = keep(new Load());
      const path = await deployed(platform, kit);
      await grown(platform.port, load, path, sandboxes);
      const lanes = [laneOf(platform.port, path, platform.pid), laneOf(proxy.port, "/", proxy.pid)] as const;
      for (const lane of lanes) await measure(load, lane, warmUpMs);
      for (const lane of lanes) lane.callsPerS.length = lane.cpuUs.length = 0;
      for (let round = 0; round < rounds; round++) {
        for (const lane of lanes) await measure(load, lane, roundMs);
      }
      const [ours, theirs] = lanes;
      return {
        n: rounds,
        checks: [
          atLeast("calls", median(ours.callsPerS), proxy.name, median(theirs.callsPerS), 1.3),
          compare("CPU of the server a call", median(ours.cpuUs), "CPU of the proxy", median(theirs.cpuUs), 0.4),
        ],
      };
    }),
};

async function deployed(platform: Platform, kit: string): Promise<string> {
  const archive = await pack({ folder: functionSource("fdk-node") }, { folder: kit, entries: ["node_modules"] });
  const settings = { kind: "nodejs:24", protocol: "http-stream", sandboxesMax: sandboxes, idleTimeoutMs: 600_000 };
  const { id } = await platform.deploy({ name: "fdk", archive, settings });
  return `/invoke/${id}`;
}

/** The function with its packages, where a plain process finds them. */
function plainCopy(kit: string): { readonly folder: string; stop(): void } {
  const folder = mkdtempSync(join(tmpdir(), "kiln-fdk-function-"));
  cpSync(functionSource("fdk-node"), folder, { recursive: true });
  cpSync(join(kit, "node_modules"), join(folder, "node_modules"), { recursive: true });
  return { folder, stop: () => rmSync(folder, { recursive: true, force: true }) };
}

function laneOf(port: number, path: string, pid: number): Lane {
  return { port, path, pid, callsPerS: [], cpuUs: [] };
}

async function measure(load: Load, lane: Lane, forMs: number): Promise<void> {
  const before = ownCpuMsOf(lane.pid);
  const { calls, tookMs } = await load.run({ port: lane.port, paths: [lane.path], connections, forMs });
  lane.callsPerS.push((calls * 1000) / tookMs);
  lane.cpuUs.push(((ownCpuMsOf(lane.pid) - before) * 1000) / calls);
}
