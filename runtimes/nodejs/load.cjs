"use strict";
const { existsSync, readdirSync, readFileSync, statSync } = require("node:fs");
const { createRequire } = require("node:module");
const { dirname, join } = require("node:path");
const { pathToFileURL } = require("node:url");
const { eventOf } = require("./event.cjs");
const { runHandler } = require("./handler.cjs");
const { signatureOf } = require("./signature.cjs");

const isNode = process.versions.bun === undefined && process.versions.deno === undefined;
const extensions = [".js", ".mjs", ".cjs", ...(isNode ? [] : [".ts"])];
const entries = ["index.js", "index.mjs", "index.cjs", "handler.js", "func.js", ...(isNode ? [] : ["index.ts"])];
const exportNames = ["handler", "main", "default"];

/**
 * Loads the code in `folder` and finds its handler: "file.export", "file", or null for the usual places (docs/frames.md). Gives the
 * function, the object it was found on and how it answers. Throws what the code throws, or says what was looked for.
 */
async function loadHandler(folder, name) {
  const { file, exportName } = name === null ? { file: defaultFile(folder), exportName: null } : namedFile(folder, name);
  enter(folder, file);
  const exports = await load(file);
  const { handler, receiver } = pick(exports, exportName, file);
  return targetOf(handler, receiver);
}

/** Makes it the folder and the program that the code sees. */
function enter(folder, file) {
  process.chdir(folder);
  process.argv[1] = file;
  if (existsSync(join(folder, ".kiln"))) require("./modules.cjs").useCompiled(join(folder, ".kiln"));
}

/** A handler and how it wants to be called: `read` makes an event of a body, `run` calls it. */
function targetOf(handler, receiver) {
  const streamed = handler.streamed === true;
  return { handler, receiver, signature: signatureOf(handler), streamed, read: eventOf, run: runHandler };
}

function defaultFile(folder) {
  const names = readdirSync(folder);
  const declared = names.includes("package.json") ? packageEntry(folder) : undefined;
  if (declared !== undefined) return declared;
  const usual = entries.find((entry) => names.includes(entry));
  if (usual !== undefined) return join(folder, usual);
  const scripts = names.filter((each) => extensions.some((extension) => each.endsWith(extension)));
  if (scripts.length === 1) return join(folder, scripts[0]);
  throw notFound(
    `The code has no entry file: no "main" in package.json, none of ${entries.join(", ")}, and ${scripts.length} scripts at its top. ` +
      'Name the handler as "file.export"',
  );
}

function packageEntry(folder) {
  const settings = readPackage(folder);
  const entry = exportsEntry(settings.exports) ?? settings.main;
  if (typeof entry !== "string") return undefined;
  const file = asFile(join(folder, entry));
  if (file === undefined) throw notFound(`package.json names ${entry} as its entry, and there is no such file`);
  return file;
}

/** The "." of `exports`, for our conditions. */
function exportsEntry(value) {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return undefined;
  return exportsEntry(value["."] ?? value.node ?? value.import ?? value.require ?? value.default);
}

function readPackage(folder) {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) ?? {};
  } catch (error) {
    throw new SyntaxError(`package.json cannot be read: ${error.message}`);
  }
}

/** "dir/file.export": the dot that makes the part before it a file, from the right, so that files may have dots. */
function namedFile(folder, name) {
  const whole = asFile(join(folder, name));
  if (whole !== undefined) return { file: whole, exportName: null };
  for (let dot = name.lastIndexOf("."); dot > name.lastIndexOf("/"); dot = name.lastIndexOf(".", dot - 1)) {
    const file = asFile(join(folder, name.slice(0, dot)));
    if (file !== undefined) return { file, exportName: name.slice(dot + 1) };
    if (dot === 0) break;
  }
  throw notFound(
    `Handler "${name}" is in no file of the code: a handler is named "file.export", such as "index.handler" for ` +
      "exports.handler of index.js, index.mjs or index.cjs",
  );
}

/** The path itself, with an extension, or its index file. */
function asFile(path) {
  const candidates = [
    path,
    ...extensions.map((extension) => path + extension),
    ...extensions.map((extension) => join(path, `index${extension}`)),
  ];
  return candidates.find((candidate) => existsSync(candidate) && statSync(candidate).isFile());
}

/** `require` where it can be had, as it is faster; what turns out to be a module is imported. */
async function load(file) {
  if (isModule(file)) return await importFile(file);
  try {
    return createRequire(file)(file);
  } catch (error) {
    if (!looksLikeModule(error)) throw error;
    return await importFile(file);
  }
}

async function importFile(file) {
  try {
    return await require("./import.cjs")(pathToFileURL(file).href);
  } catch (error) {
    if (error instanceof SyntaxError && !/^(?:file:\/\/)?\/.*:\d+\n/.test(error.stack)) addPlace(error, file);
    throw error;
  }
}

/** Node tells where the syntax of a module is wrong only when it dies of it: lets another one do that, without running anything. */
function addPlace(error, entry) {
  const { spawnSync } = require("node:child_process");
  const folder = dirname(entry);
  const siblings = readdirSync(folder).filter((name) => /\.m?js$/.test(name) && join(folder, name) !== entry);
  for (const file of [entry, ...siblings.slice(0, 10).map((name) => join(folder, name))]) {
    const { stderr } = spawnSync(process.execPath, ["--check", file], { encoding: "utf8", timeout: 2_000 });
    if (stderr?.includes(`SyntaxError: ${error.message}`)) {
      error.stack = stderr.trim();
      return;
    }
  }
}

function isModule(file) {
  if (file.endsWith(".mjs") || file.endsWith(".ts")) return true;
  if (file.endsWith(".cjs")) return false;
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return readPackage(folder).type === "module";
    if (folder === dirname(folder)) return false;
  }
}

function looksLikeModule(error) {
  if (error?.code === "ERR_REQUIRE_ESM" || error?.code === "ERR_REQUIRE_ASYNC_MODULE") return true;
  return (
    error instanceof SyntaxError &&
    /Cannot use import statement|Unexpected token 'export'|Cannot use 'import\.meta'|await is only valid/.test(error.message)
  );
}

function pick(exports, exportName, file) {
  if (exportName === null && typeof exports === "function") return checked({ handler: exports, receiver: undefined }, file);
  const names = exportName === null ? exportNames : [exportName];
  // `import()` of CommonJS and compiled code put everything under `default`.
  for (const object of [exports, exports?.default]) {
    for (const name of names)
      if (typeof object?.[name] === "function") return checked({ handler: object[name], receiver: object }, file);
  }
  if (exportName === null && typeof exports?.default === "function")
    return checked({ handler: exports.default, receiver: undefined }, file);
  const found = Object.keys(exports ?? {});
  throw notFound(
    `${file} exports no function ${names.map((each) => `"${each}"`).join(" or ")}; ` +
      (found.length === 0 ? "it exports nothing" : `it exports: ${found.slice(0, 20).join(", ")}`),
  );
}

function checked(found, file) {
  if (!Function.prototype.toString.call(found.handler).startsWith("class")) return found;
  throw notFound(`${file} exports the class ${found.handler.name} as its handler: a handler is a function (event, context)`);
}

function notFound(message) {
  const error = new Error(message);
  error.name = "HandlerNotFound";
  return error;
}

module.exports = {
  checked,
  defaultFile,
  enter,
  importFile,
  isModule,
  load,
  loadHandler,
  looksLikeModule,
  namedFile,
  notFound,
  pick,
  targetOf,
};
