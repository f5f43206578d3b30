import { call, put } from "../test/client.ts";
import { imageFunction } from "../test/docker.ts";
import { type Platform, startPlatform } from "../test/platform.ts";
import { atLeast, type Bench, median } from "./bench.ts";
import { type FnServer, fnServerProgram, startFnServer } from "./parts/fn-server.ts";
import { grown } from "./parts/grown.ts";
import { Load } from "./parts/load.ts";
import { withOpen } from "./parts/open.ts";
import { untilQuiet } from "./parts/quiet.ts";
import { type SharedImage, startSharedImage } from "./parts/shared-image.ts";

const sandboxes = 8;
const memoryMiB = 128;
const connections = 32;
const rounds = 7;
const roundMs = 2000;
/** Fn's server goes on starting and ending containers for a while after its load. */
const quietMsMax = 60_000;
/** The kit in each sandbox is compiled by then, on the slower of the two as well. */
const warmUpMs = 15_000;

interface Lane {
  readonly port: number;
  readonly path: string;
  readonly callsPerS: number[];
  /** Answers that were none of the function's. */
  failures: number;
  /** Ours does not. */
  readonly mayFail: boolean;
}

/** Each by turns, while the others have nothing to do; Fn's own with as many containers as we have sandboxes, and with as many as it likes. */
export const bench: Bench = {
  question: `How many calls of one image of the npm Fn kit a second in ${sandboxes} sandboxes, beside Fn's own server?`,
  unit: "calls/s",
  async run() {
    const program = fnServerProgram();
    if (program === null) return { n: 0, checks: [] };
    return await withOpen(async (keep) => {
      const image = keep(await startSharedImage());
      const platform = keep(await startPlatform());
      const limited = keep(await startFnServer(program, image.host, sandboxes * memoryMiB));
      const free = keep(await startFnServer(program, image.host, null));
      const load = keep(new Load());
      const lanes: readonly Lane[] = [
        { port: platform.port, path: await deployed(platform, image), callsPerS: [], failures: 0, mayFail: false },
        ...(await Promise.all([limited, free].map((server) => laneOf(server, image)))),
      ];
      for (const { port, path } of lanes) await grown(port, load, path, sandboxes);
      for (const lane of lanes) await measure(load, lane, warmUpMs);
      for (const lane of lanes) {
        lane.callsPerS.length = 0;
        lane.failures = 0;
      }
      for (let round = 0; round < rounds; round++) for (const lane of lanes) await measure(load, lane, roundMs);
      const failures = lanes.slice(1).map((lane) => lane.failures);
      if (failures.some((count) => count > 0))
        process.stderr.write(`kiln: answers of Fn's own server that were errors: ${failures.join(" and ")}\n`);
      const [ours, ofAsMany, ofMore] = lanes.map(({ callsPerS }) => median(callsPerS)) as [number, number, number];
      return {
        n: rounds,
        checks: [
          atLeast("calls", ours, `Fn's own server, at most ${sandboxes} containers`, ofAsMany, 8),
          atLeast("calls", ours, "Fn's own server as it is", ofMore, 8),
        ],
      };
    });
  },
};

async function deployed({ url }: Platform, { name: image }: SharedImage): Promise<string> {
  const base = `${url}/kiln/v1/namespaces/guest/apps/bench`;
  await put(base, {});
  const settings = { image, protocol: "http-stream", memoryMiB, sandboxesMax: sandboxes, idleTimeoutMs: 600_000 };
  const { id } = await put(`${base}/functions/hello`, settings);
  return await answering(url, String(id));
}

/** Fn has no limit of sandboxes for a function: the server's memory is one (`startFnServer`). */
async function laneOf({ url, port }: FnServer, { name }: SharedImage): Promise<Lane> {
  const id = await imageFunction(url, "hello", name, { memory: memoryMiB, idle_timeout: 600 });
  return { port, path: await answering(url, id), callsPerS: [], failures: 0, mayFail: true };
}

async function answering(url: string, id: string): Promise<string> {
  const { status, text } = await call(`${url}/invoke/${id}`, {});
  if (status !== 200) throw new Error(`Unexpected answer: ${status} ${text}`);
  return `/invoke/${id}`;
}

async function measure(load: Load, lane: Lane, forMs: number): Promise<void> {
  const { port, path, mayFail } = lane;
  await untilQuiet(quietMsMax);
  const { calls, failures, tookMs } = await load.run({ port, paths: [path], connections, forMs, mayFail });
  lane.callsPerS.push((calls * 1000) / tookMs);
  lane.failures += failures;
}
