import { createServer } from "node:http";
import { type ChildProcess, spawn } from "node:child_process";
import { cleanEnvironment, example, firstLine, type Platform, startPlatform } from "../test/platform.ts";
import { type Bench, compare, median, medianLatencyMs, RawClient } from "./bench.ts";

const rounds = 15;
const callsARound = 500;
/** The compiler is done with both after so many: before, what is measured is the compiler. */
const warmUpCalls = 20_000;

/** A hot call of a sandboxed function at one connection, everything on, beside the smallest `node:http` server and on both fronts. */
export const bench: Bench = {
  question: "What does a hot call cost beside a bare node:http server?",
  unit: "ms",
  async run() {
    const bare = startBare();
    const platforms: Platform[] = [];
    try {
      const lanes = [await laneOf(Number(await firstLine(bare)), "/")];
      for (const front of ["own", "node"]) {
        const platform = await startPlatform({ env: { POLYKILN_HTTP_FRONT: front } });
        platforms.push(platform);
        const { id } = await platform.deploy({ name: "hello", file: example("hello-node") });
        lanes.push(await laneOf(platform.port, `/invoke/${id}`));
      }
      for (let round = 0; round < rounds; round++) {
        for (const { client, request, roundsMs } of lanes) roundsMs.push(await medianLatencyMs(client, request, callsARound));
      }
      for (const { client } of lanes) client.close();
      const [bareMs, ownMs, nodeMs] = lanes.map(({ roundsMs }) => median(roundsMs)) as [number, number, number];
      return {
        n: rounds * callsARound,
        checks: [
          compare("hot call, p50", ownMs, "bare node:http, p50", bareMs, 3),
          compare("hot call, p50", ownMs, "hot call through the parser of node:http, p50", nodeMs, 1),
        ],
      };
    } finally {
      bare.kill();
      for (const platform of platforms) await platform.stop();
    }
  },
};

/** One server that is called and has warmed up, one connection, and the p50 of each round. */
async function laneOf(port: number, path: string): Promise<{ client: RawClient; request: string; roundsMs: number[] }> {
  const request = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`;
  const client = await RawClient.connect(port);
  await medianLatencyMs(client, request, warmUpCalls);
  return { client, request, roundsMs: [] };
}

/** In a process of its own, as the platform is. */
function startBare(): ChildProcess {
  return spawn(process.execPath, [import.meta.filename, "serve"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: cleanEnvironment,
  });
}

if (process.argv[2] === "serve") {
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => response.end('{"message":"Hello world"}'));
  });
  // It waits while ours is measured.
  server.keepAliveTimeout = 600_000;
  server.listen(0, "127.0.0.1", () => process.stdout.write(`${(server.address() as { port: number }).port}\n`));
}
