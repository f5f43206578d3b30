"use strict";
/**
 * Modules that were compiled when the function was deployed: one file with the sources, what V8 made of them, and where each `require` leads
 * (docs/decisions/0015-deploy-time-preparation.md). Without it, or where anything of it does not fit, Node loads as ever.
 */
const { existsSync, readFileSync } = require("node:fs");
const Module = require("node:module");
const { dirname, join } = require("node:path");
const vm = require("node:vm");

const formatVersion = 1;
const head = "(function (exports, require, module, __filename, __dirname) { ";
const tail = "\n})";
const anywhere = vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER;

/** As Node's own would be compiled: places in errors are those of the file. */
function compile(content, filename, cachedData) {
  const options = { filename, columnOffset: -head.length, importModuleDynamically: anywhere, cachedData };
  return new vm.Script(head + content + tail, options);
}

/** The rest of what Node does with a compiled CommonJS module. */
function run(script, module, filename) {
  const wrapper = script.runInThisContext();
  return Reflect.apply(wrapper, module.exports, [module.exports, requireOf(module), module, filename, dirname(filename)]);
}

function requireOf(module) {
  const require = (id) => module.require(id);
  require.resolve = (request, options) => Module._resolveFilename(request, module, false, options);
  require.resolve.paths = (request) => Module._resolveLookupPaths(request, module);
  require.main = process.mainModule;
  require.extensions = Module._extensions;
  require.cache = Module._cache;
  return require;
}

/** These change what is loaded from where, or how it is compiled. */
function isUsual() {
  return anywhere !== undefined && !process.env.NODE_PATH && !process.env.NODE_OPTIONS;
}

/** Uses what is in this folder from now on; nothing happens where that is not possible. */
function useCompiled(folder) {
  if (!isUsual()) return;
  const imported = join(folder, "cache");
  if (existsSync(imported)) Module.enableCompileCache?.(imported);
  useModules(join(folder, "modules"));
}

function useModules(path) {
  let kept;
  try {
    kept = open(readFileSync(path));
  } catch {
    return;
  }
  const { modules, resolved } = kept;
  const loadFile = Module._extensions[".js"];
  const compileFile = Module.prototype._compile;
  Module._extensions[".js"] = (module, filename) => {
    const known = modules.get(filename);
    // Somebody else wants to see the source.
    if (known === undefined || module._compile !== compileFile) return loadFile(module, filename);
    run(compile(known.source(), filename, known.compiled), module, filename);
  };
  const resolve = Module._resolveFilename;
  Module._resolveFilename = function (request, parent, isMain, options) {
    const found = options === undefined && parent?.path !== undefined ? resolved[keyOf(parent, request)] : undefined;
    return found ?? Reflect.apply(resolve, this, [request, parent, isMain, options]);
  };
}

const keyOf = (parent, request) => `${parent.path}\0${request}`;

/** Throws where it is not whole, or made by another Node. */
function open(bytes) {
  const start = 4 + bytes.readUInt32LE(0);
  const { version, node, modules, resolved } = JSON.parse(bytes.toString("utf8", 4, start));
  if (version !== formatVersion || node !== process.version) throw new Error("Made for another version");
  const found = modules.map(([filename, isLatin, sourceBytes, at, compiledBytes]) => {
    const [from, middle] = [start + at, start + at + sourceBytes];
    const source = () => bytes.toString(isLatin ? "latin1" : "utf8", from, middle);
    return [filename, { source, compiled: bytes.subarray(middle, middle + compiledBytes) }];
  });
  return { modules: new Map(found), resolved: Object.assign(Object.create(null), resolved) };
}

/** Keeps what is loaded from `folder` from now on; the result gives the bytes of the file, or null when that was nothing. */
function recordModules(folder) {
  if (!isUsual()) return () => null;
  const scripts = new Map();
  const resolved = {};
  const isOurs = (file) => file.startsWith(`${folder}/`);
  const loadFile = Module._extensions[".js"];
  const compileFile = Module.prototype._compile;
  Module._extensions[".js"] = (module, filename) => {
    if (!isOurs(filename) || module._compile !== compileFile) return loadFile(module, filename);
    // Node reads the file and finds out what it is.
    module._compile = (content, file, format) => {
      delete module._compile;
      const script = format === "module" ? null : compiled(content, file);
      if (script === null) return module._compile(content, file, format);
      scripts.set(file, { script, content });
      return run(script, module, file);
    };
    loadFile(module, filename);
  };
  const resolve = Module._resolveFilename;
  Module._resolveFilename = function (request, parent, isMain, options) {
    const file = Reflect.apply(resolve, this, [request, parent, isMain, options]);
    if (options === undefined && parent?.path !== undefined && isOurs(parent.path + "/") && isOurs(file))
      resolved[keyOf(parent, request)] = file;
    return file;
  };
  return () => (scripts.size === 0 ? null : pack(scripts, resolved));
}

/** What imports, or may by a text that it makes, is left to Node, which has more to say in that than we can. */
const importing = /\bimport\s*(?:\/\*[^]*?\*\/\s*)?\(|\b(?:eval|Function)\s*\(/;

/** Null for what is no CommonJS, which Node then says itself. */
function compiled(content, file) {
  if (importing.test(content)) return null;
  try {
    // A source that ends our function and goes on is an error to Node.
    vm.compileFunction(content, ["exports", "require", "module", "__filename", "__dirname"], { filename: file });
    return compile(content, file);
  } catch {
    return null;
  }
}

/** Made as late as possible: with every function that has run by then. */
function pack(scripts, resolved) {
  const modules = [];
  const parts = [];
  let at = 0;
  for (const [filename, { script, content }] of scripts) {
    const isLatin = !/[^\0-\xff]/.test(content);
    const [source, made] = [Buffer.from(content, isLatin ? "latin1" : "utf8"), script.createCachedData()];
    modules.push([filename, isLatin, source.length, at, made.length]);
    parts.push(source, made);
    at += source.length + made.length;
  }
  const index = Buffer.from(JSON.stringify({ version: formatVersion, node: process.version, modules, resolved }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(index.length);
  return Buffer.concat([length, index, ...parts]);
}

module.exports = { recordModules, useCompiled };
