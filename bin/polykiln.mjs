#!/usr/bin/env node
// Starts the platform on Node 24: this process's own, or the binary that the optional dependency brings. Plain ES2020, because
// whatever Node is on the machine has to read it.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const built = join(root, "dist/roles/main.js");
const entry = existsSync(built) ? built : join(root, "src/roles/main.ts");
const node = Number(process.versions.node.split(".")[0]) >= 24 ? process.execPath : bundledNode();

const child = spawn(node, ["--disable-warning=ExperimentalWarning", entry, ...process.argv.slice(2)], { stdio: "inherit" });
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
// A terminal signals both; passed on, the child would take it for the second, impatient one.
process.on("SIGINT", () => {});
child.on("exit", (code, signal) => {
  process.removeAllListeners();
  if (signal) process.kill(process.pid, signal);
  else process.exit(code === null ? 1 : code);
});

function bundledNode() {
  const name = `node-${process.platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), "bin/node");
  } catch {
    process.stderr.write(
      `polykiln: this needs Node 24 or newer (found ${process.versions.node}), and the package ${name} is not installed. Install Node 24, or reinstall without --omit=optional\n`,
    );
    process.exit(1);
  }
}
