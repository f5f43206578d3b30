"use strict";
/**
 * Runs once for a deployed function, in a sandbox like its own but without a network: loads the code as its first call would, and sends what
 * later starts need not compile again, as files below the code's folder (docs/decisions/0015-deploy-time-preparation.md).
 */
const { readdirSync, readFileSync } = require("node:fs");
const { enableCompileCache, flushCompileCache } = require("node:module");
const { connect } = require("node:net");
const { join } = require("node:path");
const { loadHandler } = require("./load.cjs");
const { recordModules } = require("./modules.cjs");

const [, , handlerName, convention] = process.argv;
const given = process.env.KILN_CODE ?? "/function";
// The names that files have at a start are those that they have here.
const folder = convention === "lambda" ? require("./lambda.cjs").taskFolder(given) : given;
/** Node's own, for modules that are imported. */
const cacheFolder = "/tmp/compile-cache";
const socketPath = process.env.KILN_SOCKET;
const handler = handlerName || null;

// What there is of it counts also when the code cannot be loaded without its network.
process.on("uncaughtException", send);
process.on("unhandledRejection", () => {});
const finish = recordModules(folder);
enableCompileCache?.(cacheFolder);
const load = convention === "lambda" ? require("./lambda.cjs").loadHandlerOf : loadHandler;
load(folder, handler)
  .catch(() => {})
  .then(send);

let sent = false;
function send() {
  if (sent) return;
  sent = true;
  const socket = connect(socketPath, () => socket.end(Buffer.concat([...files().flatMap(record), Buffer.alloc(4)])));
  socket.on("close", () => process.exit(0));
  socket.on("error", () => process.exit(1));
}

function files() {
  const modules = finish();
  return [...(modules === null ? [] : [[".kiln/modules", modules]]), ...imported()];
}

function imported() {
  flushCompileCache?.();
  const found = [];
  for (const version of namesIn(cacheFolder)) {
    for (const name of namesIn(join(cacheFolder, version)))
      found.push([`.kiln/cache/${version}/${name}`, readFileSync(join(cacheFolder, version, name))]);
  }
  return found;
}

function namesIn(path) {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** Length and path, length and content. */
function record([path, content]) {
  const name = Buffer.from(path);
  const lengths = [Buffer.alloc(4), Buffer.alloc(4)];
  lengths[0].writeUInt32LE(name.length);
  lengths[1].writeUInt32LE(content.length);
  return [lengths[0], name, lengths[1], content];
}
