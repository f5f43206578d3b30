/**
 * `start` in a world that ends at a point: `CRASH_AT=run:3` kills the process with SIGKILL when it passes the point `run` the third
 * time. The platform itself knows no such switch.
 */
import { enableCompileCache } from "node:module";
import { parseArgs } from "node:util";
import { compileCacheFolder, loadConfig } from "../../src/config/load.ts";
import type { CrashPoint, World } from "../../src/lib/world.ts";

// Before the rest is loaded, as `main.ts` does it: a test starts many.
enableCompileCache(compileCacheFolder());
const { realWorld } = await import("../../src/lib/world.ts");
const { startEmbedded } = await import("../../src/roles/embedded.ts");
const { untilStopped } = await import("../../src/roles/signals.ts");
const { createLogger } = await import("../../src/telemetry/logger.ts");

const options = {
  json: { type: "boolean" },
  listen: { type: "string" },
  data: { type: "string" },
  "log-level": { type: "string" },
} as const;
const { values } = parseArgs({ args: process.argv.slice(2), options, allowPositionals: true });
const config = loadConfig({ listen: values.listen, data: values.data, logLevel: values["log-level"] });
const logger = createLogger(config.logLevel);
const stopped = untilStopped(logger);
const platform = await startEmbedded({ config, logger, world: crashingWorld(process.env["CRASH_AT"]) });
process.stdout.write(`${JSON.stringify({ ready: true, url: platform.url, pid: process.pid, auth: platform.credential })}\n`);
await stopped;
await platform.close();

function crashingWorld(at: string | undefined): World {
  const [point, count] = (at ?? "never:0").split(":") as [CrashPoint, string];
  let left = Number(count);
  return {
    ...realWorld(),
    crashPoint(name) {
      if (name === point && --left === 0) process.kill(process.pid, "SIGKILL");
    },
  };
}
