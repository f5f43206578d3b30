import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The server's own command line: another program of this package, started by its path. */
export function serverCommand(): readonly [program: string, ...args: string[]] {
  const file = import.meta.url.endsWith(".ts") ? "../roles/main.ts" : "../roles/main.js";
  return [process.execPath, "--disable-warning=ExperimentalWarning", fileURLToPath(new URL(file, import.meta.url))];
}

/** Starts it with more arguments. */
export function spawnServer(args: readonly string[], options: SpawnOptions): ChildProcess {
  const [program, ...own] = serverCommand();
  return spawn(program, [...own, ...args], options);
}
