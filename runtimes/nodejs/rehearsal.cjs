"use strict";
const { join } = require("node:path");

const folder = join(__dirname, "sample");
/** Enough for V8 to have compiled what a load runs. */
const loads = 10;

/**
 * Has the sample loaded as a function's code will be, over and over. Nothing of it stays but what was compiled, and the loader of
 * modules, which is there when a function is one.
 */
async function rehearse(init) {
  await init(settingsOf("module.handler"));
  let target;
  for (let i = 0; i < loads; i++) {
    target = await init(settingsOf(null));
    for (const file of Object.keys(require.cache)) if (file.startsWith(folder)) delete require.cache[file];
  }
  delete process.env.KILN_FUNCTION;
  // What code that was compiled ahead needs.
  require("./modules.cjs");
  return target;
}

/** As the text of an init frame has them. */
function settingsOf(handler) {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, KILN_FUNCTION: "" };
  return JSON.parse(JSON.stringify({ code: folder, handler, concurrency: 1, window: 64 * 1024, env }));
}

module.exports = { rehearse };
