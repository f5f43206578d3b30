"use strict";
/**
 * The convention `parameters` (docs/frames.md): `main(parameters)` gets the function's parameters under those of the call as one object, and gives an
 * object or an array, or a promise of one. Such code was written for OpenWhisk, so names and texts are those that it knows.
 */
const { readFileSync } = require("node:fs");
const Module = require("node:module");
const { dirname } = require("node:path");
const vm = require("node:vm");
const { isError } = require("./errors.cjs");
const { fieldOf } = require("./event.cjs");
const { hexOf } = require("./ids.cjs");
const { checked, defaultFile, enter, importFile, isModule, looksLikeModule, namedFile, notFound } = require("./load.cjs");

const resultBytesMax = 1024 * 1024;
/** Of a result that is too long, what its error tells. */
const shownCharactersMax = 1024;

/** Loads the code and finds its function: `name`, a function's or `file.function`; null means `main`. Throws what the code throws. */
async function loadMain(folder, name, parameters, reserved = []) {
  const contract = process.env.KILN_PROGRAM;
  if (contract !== undefined) return loadProgram(folder, contract, parameters, reserved);
  const { file, functionName } = placeOf(folder, name ?? "main");
  enter(folder, file);
  tellIdentity();
  tellCalls();
  const handler = await load(file, functionName);
  return { handler, receiver: undefined, streamed: false, read, run, parameters, reserved };
}

/** What is called is no JavaScript. */
function loadProgram(folder, contract, parameters, reserved) {
  process.chdir(folder);
  tellIdentity();
  tellCalls();
  const handler = require("./program.cjs").loadProgram(folder, contract);
  return { handler, receiver: undefined, streamed: false, read, run: runProgram, parameters, reserved };
}

function placeOf(folder, name) {
  if (!name.includes(".")) return { file: defaultFile(folder), functionName: name };
  const { file, exportName } = namedFile(folder, name);
  return { file, functionName: exportName ?? "main" };
}

async function load(file, name) {
  const found = isModule(file) ? await loadModule(file, name) : await loadScript(file, name);
  if (typeof found === "function") return checked({ handler: found }, file).handler;
  throw notFound(`${file} has no function "${name}", at its top or exported`);
}

async function loadModule(file, name) {
  const wanted = file.endsWith(".ts") ? require("./typescript.cjs").moduleFile(file, name) : file;
  const exports = await importFile(wanted);
  return memberOf(exports, name) ?? (name === "main" ? exports.default : undefined);
}

/** Code that exports nothing has its function at the top. */
async function loadScript(file, name) {
  try {
    const { exports, atTop } = runScript(file, name);
    return memberOf(exports, name) ?? atTop;
  } catch (error) {
    if (!looksLikeModule(error)) throw error;
    return memberOf(await importFile(file), name);
  }
}

const functionName = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** As Node would run it, but for the last line, which looks a name up where only the code itself can. */
function runScript(file, name) {
  const module = new Module(file, null);
  module.filename = file;
  module.paths = Module._nodeModulePaths(dirname(file));
  Module._cache[file] = module;
  const tail = functionName.test(name) ? `\n;return typeof ${name} === "undefined" ? undefined : ${name};` : "";
  const importModuleDynamically = vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  const parameters = ["exports", "require", "module", "__filename", "__dirname"];
  const source = readFileSync(file, "utf8").replace(/^(?:\ufeff|#!.*)/, "");
  const script = vm.compileFunction(source + tail, parameters, { filename: file, importModuleDynamically });
  const require = Module.createRequire(file);
  const atTop = Reflect.apply(script, module.exports, [module.exports, require, module, file, dirname(file)]);
  module.loaded = true;
  return { exports: module.exports, atTop };
}

/** What `import()` gives has the exports of CommonJS under `default`. */
function memberOf(exports, name) {
  return exports?.[name] ?? exports?.default?.[name];
}

/** What is the same for all calls of this process. */
function tellIdentity() {
  const { env } = process;
  const { KILN_NAMESPACE: namespace, KILN_APP: app, KILN_FUNCTION: name, KILN_REVISION: revision, KILN_API_URL: url } = env;
  env.__OW_NAMESPACE = namespace ?? "";
  env.__OW_ACTION_NAME = `/${env.KILN_OWNER ?? namespace ?? ""}/${app ? `${app}/` : ""}${name ?? ""}`;
  env.__OW_ACTION_VERSION = `0.0.${revision ?? 0}`;
  env.__OW_API_HOST = url ?? "";
}

/** The last call that began. */
let latest = null;

/** What each call has its own of. Writing them at each call would cost more than all else here, and hardly any code reads them. */
const perCall = {
  __OW_ACTIVATION_ID: (head) => hexOf(fieldOf(head, ":call:") ?? ""),
  __OW_DEADLINE: (head) => fieldOf(head, ":deadline:") ?? "",
  __OW_TRANSACTION_ID: (head) => fieldOf(head, "x-request-id:") ?? hexOf(fieldOf(head, ":call:") ?? ""),
};

/** From now on the environment has them, as of the call that the code belongs to. Until the first one they are empty. */
function tellCalls() {
  for (const name of Object.keys(perCall)) process.env[name] = "";
  process.env = new Proxy(process.env, {
    get: variable,
    getOwnPropertyDescriptor(env, name) {
      const descriptor = Reflect.getOwnPropertyDescriptor(env, name);
      // Bun's has a getter in place of a value.
      if (descriptor === undefined) return undefined;
      return { value: variable(env, name), writable: true, enumerable: descriptor.enumerable, configurable: true };
    },
  });
}

function variable(env, name) {
  const isOfCall = latest !== null && Object.hasOwn(perCall, name);
  return isOfCall ? perCall[name](latest.running.head) : Reflect.get(env, name);
}

/** The parameters of a call. What is no object comes as the member `__ow_body`, but for arrays, which come as they are. */
function read(head, buffer, start, end, { parameters, reserved }) {
  const given = start === end ? {} : valueOf(buffer, start, end);
  if (Array.isArray(given)) return given;
  const all = { ...parameters, ...given };
  for (const name of reserved) delete all[name];
  return all;
}

function valueOf(buffer, start, end) {
  const text = buffer.toString("utf8", start, end);
  const isText = !text.includes("\ufffd") || Buffer.from(text).equals(buffer.subarray(start, end));
  if (!isText) return { __ow_body: buffer.toString("base64", start, end) };
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : { __ow_body: value };
  } catch {
    return { __ow_body: text };
  }
}

function run(call) {
  const { handler } = call.target;
  latest = call;
  let result;
  try {
    result = handler(call.event);
  } catch (error) {
    call.fail(thrown(error));
    return;
  }
  if (typeof result?.then !== "function") return finish(call, result);
  result.then(
    (value) => finish(call, value),
    (error) => refuse(call, error),
  );
}

function runProgram(call) {
  latest = call;
  call.target.handler(call.event).then(
    (line) => finish(call, jsonIn(line)),
    (error) => call.fail(error),
  );
}

/** Null is no answer. */
function jsonIn(line) {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

/** The code broke: its stack is logged, and this is what its caller reads. */
function thrown(error) {
  const failure = new Error(`An error has occurred: ${error}`);
  failure.stack = isError(error) ? String(error.stack) : failure.message;
  return failure;
}

/** A rejected promise is an answer, as if the code had given it. */
function refuse(call, error) {
  if (call.stopper?.isTimeUp(error)) return call.fail(error);
  if (isError(error)) call.print(2, `${error.stack}\n`);
  finish(call, { error: isError(error) ? plain(error) : error || {} });
}

function plain(error) {
  return { ...error, name: error.name, message: error.message, stack: error.stack };
}

function finish(call, result) {
  const value = result === undefined ? {} : result;
  if (typeof value !== "object" || value === null)
    return call.fail(new Error("The action did not return a dictionary or array."));
  const isFailure = !Array.isArray(value) && value.error !== undefined;
  if (isFailure) call.status = 502;
  let json;
  try {
    json = JSON.stringify(isFailure ? { error: value.error } : value);
  } catch (error) {
    return call.fail(thrown(error));
  }
  call.answerJson(withinLimit(call, json));
}

function withinLimit(call, json) {
  // A character has at most three bytes.
  const bytes = json.length * 3 <= resultBytesMax ? 0 : Buffer.byteLength(json);
  if (bytes <= resultBytesMax) return json;
  call.status = 502;
  const said = `The action produced a response that exceeded the allowed length: ${bytes} > ${resultBytesMax} bytes.`;
  return JSON.stringify({ error: `${said} The truncated response was: ${json.slice(0, shownCharactersMax)}` });
}

module.exports = { loadMain };
