#!/usr/bin/env node
// Starts the client, or for `start` and `up` the server, on Node 24: this process's own, or the binary that the optional
// dependency brings. Plain ES2020, because whatever Node is on the machine has to read it.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { existsSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const args = process.argv.slice(2);
const isServer = args[0] === "up" || (args[0] === "start" && !args.includes("--help") && !args.includes("-h"));
const room = isServer ? "roles" : "cli";
const built = join(root, `dist/${room}/main.js`);
const entry = existsSync(built) ? built : join(root, `src/${room}/main.ts`);

// The client runs right here where it can: a second process would double the time of a short command.
if (isNew() && !isServer) await import(pathToFileURL(entry).href);
else runIn(isNew() ? process.execPath : bundledNode());

function isNew() {
  return Number(process.versions.node.split(".")[0]) >= 24;
}

function runIn(node) {
  const child = spawn(node, ["--disable-warning=ExperimentalWarning", entry, ...args], { stdio: "inherit" });
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  // A terminal signals both; passed on, the child would take it for the second, impatient one.
  process.on("SIGINT", () => {});
  child.on("exit", (code, signal) => {
    process.removeAllListeners();
    if (signal) process.kill(process.pid, signal);
    else process.exit(code === null ? 1 : code);
  });
}

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
