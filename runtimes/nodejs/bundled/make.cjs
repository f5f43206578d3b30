"use strict";
/**
 * `make.cjs FOLDER`, where the shim's modules are: writes all of them as one script to `shim.js` there, runs that with a call of the sample, and writes
 * what V8 compiled meanwhile to `shim.cache`. Another version of Node takes no notice of that.
 */
const { readdirSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { createServer } = require("node:net");
const { join, resolve } = require("node:path");
const { Script } = require("node:vm");

const folder = resolve(process.argv[2]);
/** Loaded as a module of its own. */
const apart = "import.cjs";
const type = { init: 2, call: 16 };

const source = bundle(readdirSync(folder).filter((name) => name.endsWith(".cjs") && name !== apart));
writeFileSync(join(folder, "shim.js"), source);
const script = new Script(source, { filename: join(folder, "shim.js") });

const path = join(folder, "make.sock");
process.env.KILN_SOCKET = path;
process.once("exit", () => rmSync(path, { force: true }));
createServer(platform).listen(path, () => script.runInThisContext()(createRequire(join(folder, "main.cjs")), folder));

/** A module is a function under its name, as for Node; other names are Node's business. Plain ASCII, which is read fastest. */
function bundle(names) {
  const parts = names.map((name) => {
    const text = readFileSync(join(folder, name), "utf8");
    return `"./${name}"(module, exports, require, __filename, __dirname) {${text}\n}`;
  });
  const whole = `(function (nodeRequire, folder) {
const parts = {${parts.join(",\n")}};
const modules = new Map();
function require(name) {
  const part = parts[name];
  if (part === undefined) return nodeRequire(name);
  let module = modules.get(name);
  if (module === undefined) {
    modules.set(name, (module = { exports: {} }));
    part(module, module.exports, require, folder + name.slice(1), folder);
  }
  return module.exports;
}
require.cache = nodeRequire.cache;
require("./main.cjs");
})`;
  return whole.replace(/[^\0-\x7f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Answers hello with init, ready with a call, and its result with the end. */
function platform(socket) {
  const head = ":call:01JD0000000000000000000000\n:deadline:4102444800000\ncontent-type:application/json\n";
  const headBytes = Buffer.alloc(4);
  headBytes.writeUInt32BE(head.length);
  const settings = { code: join(folder, "sample"), handler: null, concurrency: 1, window: 64 * 1024, env: {} };
  const frames = [
    frame(type.init, 0, 0, Buffer.from(JSON.stringify(settings))),
    frame(type.call, 1, 1, Buffer.concat([headBytes, Buffer.from(`${head}{"name":"sample"}`)])),
  ];
  let unheard = Buffer.alloc(0);
  socket.on("data", (data) => {
    unheard = Buffer.concat([unheard, data]);
    while (unheard.length >= 10 && unheard.length >= 10 + unheard.readUInt32BE(0)) {
      const frameType = unheard[8];
      unheard = unheard.subarray(10 + unheard.readUInt32BE(0));
      // Its output.
      if (frameType === 22) continue;
      const next = frames.shift();
      if (next === undefined) finish();
      else socket.write(next);
    }
  });
}

function frame(frameType, id, flags, payload) {
  const head = Buffer.alloc(10);
  head.writeUInt32BE(payload.length, 0);
  head.writeUInt32BE(id, 4);
  head[8] = frameType;
  head[9] = flags;
  return Buffer.concat([head, payload]);
}

function finish() {
  writeFileSync(join(folder, "shim.cache"), script.createCachedData());
  process.exit(0);
}
