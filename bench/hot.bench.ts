import { createServer } from "node:http";
import { type ChildProcess, spawn } from "node:child_process";
import { cleanEnvironment, example, firstLine, type Platform, startPlatform } from "../test/platform.ts";
import { type Bench, compare } from "./bench.ts";
import { measureLanes, postEmpty } from "./parts/lanes.ts";

/** The compiler is done with both after so many warm-up calls: before, what is measured is the compiler. */
const times = { rounds: 15, callsARound: 500, warmUpCalls: 20_000 };

/** A hot call of a sandboxed function at one connection, everything on, beside the smallest `node:http` server and on both fronts. */
export const bench: Bench = {
  question: "What does a hot call cost beside a bare node:http server?",
  unit: "ms",
  async run() {
    const bare = startBare();
    const platforms: Platform[] = [];
    try {
      const requests = [postEmpty(Number(await firstLine(bare)), "/")];
      for (const front of ["own", "node"]) {
        const platform = await startPlatform({ env: { POLYKILN_HTTP_FRONT: front } });
        platforms.push(platform);
        const { id } = await platform.deploy({ name: "hello", file: example("hello-node") });
        requests.push(postEmpty(platform.port, `/invoke/${id}`));
      }
      const [bareMs, ownMs, nodeMs] = (await measureLanes(requests, times)) as [number, number, number];
      return {
        n: times.rounds * times.callsARound,
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
