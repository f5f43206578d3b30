import type { Logger } from "../telemetry/logger.ts";

/** Resolves with the first SIGTERM, SIGINT or SIGHUP; a second one ends the process at once. */
export function untilStopped(logger: Logger): Promise<void> {
  return new Promise((resolve) => {
    let stopping = false;
    const stop = (signal: NodeJS.Signals) => {
      if (stopping) process.exit(130);
      stopping = true;
      logger.info("Stopping; a second signal ends at once", { reason: signal });
      resolve();
    };
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, stop);
  });
}
