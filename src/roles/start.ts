import type { Config } from "../config/config.ts";
import { createLogger } from "../telemetry/logger.ts";
import { startEmbedded } from "./embedded.ts";
import { ownMachineOnly } from "./reach.ts";
import { untilStopped } from "./signals.ts";

export interface StartOptions {
  readonly json: boolean;
  readonly withStdin: boolean;
}

/**
 * A server until SIGTERM or SIGINT. With `json` one line on stdout once it serves: `{"ready":true,"url","pid","auth"}`, where
 * `auth` is the first namespace's `<key id>:<secret>`; logs are on stderr. With `withStdin` the end of its stdin, so of whoever started it, ends it too.
 */
export async function start(config: Config, { json, withStdin }: StartOptions): Promise<number> {
  const logger = createLogger(config.logLevel);
  const signalled = untilStopped(logger);
  const stopped = withStdin ? Promise.race([signalled, endOf(process.stdin)]) : signalled;
  const platform = await startEmbedded({ config, logger });
  if (json) {
    process.stdout.write(`${JSON.stringify({ ready: true, url: platform.url, pid: process.pid, auth: platform.credential })}\n`);
  } else {
    const only = ownMachineOnly(platform.url);
    process.stderr.write(`polykiln serves ${platform.url}${only === null ? "" : `, ${only}`}\n`);
  }
  await stopped;
  await platform.close();
  if (withStdin) process.stdin.destroy();
  return 0;
}

function endOf(stream: NodeJS.ReadStream): Promise<void> {
  return new Promise((resolve) => {
    stream
      .once("end", resolve)
      .once("error", () => resolve())
      .resume();
  });
}
