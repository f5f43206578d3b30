/**
 * A front process (docs/decisions/0018-front-processes.md). It is started by the server, whose link is its descriptor 3, and ends with
 * the link: when the server says so, or is gone.
 */
import { enableCompileCache } from "node:module";
import { Socket } from "node:net";
import { compileCacheFolder } from "../config/load.ts";
import { Front } from "../http/link/front-link.ts";
import { realWorld } from "../lib/world.ts";
import { fastPaths } from "./fast-paths.ts";
import { version } from "./version.ts";

enableCompileCache(compileCacheFolder());

// The server decides when it is over. A terminal or a service manager signals both, and calls may still run.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

function usage() {
  const { user, system } = process.cpuUsage();
  return { cpuS: (user + system) / 1e6, residentBytes: process.memoryUsage.rss() };
}

await new Front(new Socket({ fd: 3 }), { world: realWorld(), version, paths: fastPaths, usage }).over;
process.exit(0);
