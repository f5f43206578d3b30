import { createServer } from "node:http";
import { type ChildProcess, spawn } from "node:child_process";
import { cleanEnvironment, example, firstLine, startPlatform } from "../test/platform.ts";
import { type Bench, compare, median, medianLatencyMs, RawClient } from "./bench.ts";

const rounds = 11;
const callsARound = 500;
/** The compiler is done with both after so many: before, what is measured is the compiler. */
const warmUpCalls = 20_000;

/** A hot call of a sandboxed function at one connection, everything on, beside the smallest `node:http` server. */
export const bench: Bench = {
  question: "What does a hot call cost beside a bare node:http server?",
  unit: "ms",
  async run() {
    const platform = await startPlatform();
    const bare = startBare();
    const port = Number(await firstLine(bare));
    try {
      const { id } = await platform.deploy({ name: "hello", file: example("hello-node") });
      const ours = await RawClient.connect(platform.port);
      const theirs = await RawClient.connect(port);
      const call = `POST /invoke/${id} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`;
      const get = "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
      await medianLatencyMs(ours, call, warmUpCalls);
      await medianLatencyMs(theirs, get, warmUpCalls);
      const oursMs: number[] = [];
      const theirsMs: number[] = [];
      for (let round = 0; round < rounds; round++) {
        oursMs.push(await medianLatencyMs(ours, call, callsARound));
        theirsMs.push(await medianLatencyMs(theirs, get, callsARound));
      }
      ours.close();
      theirs.close();
      return {
        n: rounds * callsARound,
        checks: [compare("hot call, p50", median(oursMs), "bare node:http, p50", median(theirsMs), 3)],
      };
    } finally {
      bare.kill();
      await platform.stop();
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
