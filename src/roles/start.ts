import type { Config } from "../config/config.ts";
import { createLogger } from "../telemetry/logger.ts";
import { startEmbedded } from "./embedded.ts";
import { untilStopped } from "./signals.ts";

/**
 * A server until SIGTERM or SIGINT. With `json` one line on stdout once it serves: `{"ready":true,"url","pid","auth"}`, where
 * `auth` is the first namespace's `<key id>:<secret>`; logs are on stderr.
 */
export async function start(config: Config, { json }: { readonly json: boolean }): Promise<number> {
  const logger = createLogger(config.logLevel);
  const stopped = untilStopped(logger);
  const platform = await startEmbedded({ config, logger });
  if (json) {
    process.stdout.write(`${JSON.stringify({ ready: true, url: platform.url, pid: process.pid, auth: platform.credential })}\n`);
  } else process.stderr.write(`polykiln serves ${platform.url}\n`);
  await stopped;
  await platform.close();
  return 0;
}
