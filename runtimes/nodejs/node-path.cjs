"use strict";
/** `import` of packages in the folders of NODE_PATH, as Lambda's runtimes have it for layers; Node itself looks there for `require` alone. */
const Module = require("node:module");
const { basename, delimiter, dirname, join } = require("node:path");
const { pathToFileURL } = require("node:url");

/** Nothing happens where there are none, or on a Node that cannot be told. */
function importFromNodePath(path = process.env.NODE_PATH ?? "") {
  const parents = path
    .split(delimiter)
    .filter((folder) => basename(folder) === "node_modules")
    .map((folder) => pathToFileURL(join(dirname(folder), "index.js")).href);
  if (parents.length === 0) return;
  Module.registerHooks?.({ resolve: (specifier, context, next) => resolved(specifier, context, next, parents) });
}

/** Where the module that asks would find it, else where one beside such a folder would. */
function resolved(specifier, context, next, parents) {
  try {
    return next(specifier, context);
  } catch (error) {
    if (error.code !== "ERR_MODULE_NOT_FOUND" || !/^(?:@|\w)/.test(specifier)) throw error;
    for (const parentURL of parents) {
      try {
        return next(specifier, { ...context, parentURL });
      } catch {
        // Not in this one.
      }
    }
    throw error;
  }
}

module.exports = { importFromNodePath };
