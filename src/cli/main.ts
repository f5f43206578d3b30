/** The client as a process. */
import { enableCompileCache } from "node:module";
import { compileCacheFolder, callerEnvironment } from "../config/load.ts";
import { realWorld } from "../lib/world.ts";
import { runCli } from "./cli.ts";

enableCompileCache(compileCacheFolder());

const interrupt = new AbortController();
// The first signal asks whatever runs, a request or a build, to end; the second does not ask.
let signals = 0;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (++signals > 1) process.exit(130);
    interrupt.abort();
  });
}
// A reader that has seen enough, such as head, is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(0);
  });
}

process.exitCode = await runCli(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  cwd: process.cwd(),
  env: callerEnvironment(),
  world: realWorld(),
  interrupted: interrupt.signal,
});
