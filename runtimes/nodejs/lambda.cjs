"use strict";
/**
 * The convention `lambda` (docs/frames.md): `handler(event, context, callback)` as functions written for AWS Lambda have it. Names, shapes and types of
 * errors are those that such code knows, from AWS's runtime interface client for Node.
 */
const { existsSync, statSync } = require("node:fs");
const { createRequire } = require("node:module");
const { basename, join, resolve } = require("node:path");
const { lambdaError, payloadOf, UnhandledPromiseRejection } = require("./lambda-errors.cjs");
const { prepareConsole, printError } = require("./lambda-console.cjs");
const { factsOf, read, run } = require("./lambda-call.cjs");
const { responseStreaming, runStreaming, HttpResponseStream } = require("./lambda-stream.cjs");
const { defaultFile, enter, load, pick } = require("./load.cjs");
const { signatureOf } = require("./signature.cjs");

const extensions = ["", ".js", ".mjs", ".cjs", ".ts"];

/** Loads the code of the folder, which `taskFolder` gave, and finds how it is called. Throws what the code throws, or a `Runtime.*` error. */
async function loadLambda(folder, name, arn, calls) {
  prepareConsole(calls);
  process.env.LAMBDA_TASK_ROOT = folder;
  if (process.env.NODE_PATH) require("./node-path.cjs").importFromNodePath();
  const handler = await loadHandlerOf(folder, name);
  const streaming = handler[responseStreaming] === "response";
  return {
    handler,
    receiver: undefined,
    streamed: false,
    read,
    run: streaming ? runStreaming : run,
    describe,
    arn,
    facts: factsOf(process.env),
    // Code of old that takes its context for the callback.
    callable: handler.length < 3 && signatureOf(handler).certain,
    isAsync: handler.constructor?.name === "AsyncFunction",
  };
}

/** Of a call that failed. */
function describe(error, call) {
  printError(call, error);
  return payloadOf(error);
}

/** The code's folder by the name that such code knows, where it has that one. */
function taskFolder(folder) {
  const wanted = process.env.LAMBDA_TASK_ROOT;
  if (process.env.KILN_CODE !== undefined || !wanted || !existsSync(wanted)) return folder;
  const [here, there] = [statSync(folder), statSync(wanted)];
  return here.ino === there.ino && here.dev === there.dev ? wanted : folder;
}

/** `dir/file.export.nested`, or null for the usual places. */
function loadHandlerOf(folder, name) {
  tellGlobals();
  return name === null ? loadDefault(folder) : loadNamed(folder, name);
}

function tellGlobals() {
  if (/^(?:1|true)$/.test(process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA ?? "")) return;
  globalThis.awslambda = { streamifyResponse, HttpResponseStream };
}

async function loadDefault(folder) {
  const file = defaultFile(folder);
  enter(folder, file);
  return pick(await loaded(file), null, file).handler;
}

async function loadNamed(folder, name) {
  const { path, names } = partsOf(name);
  const file = fileOf(folder, path);
  enter(folder, file);
  const exports = await loaded(file);
  const handler = names.reduce((object, each) => object?.[each], exports);
  if (typeof handler === "function") return handler;
  throw lambdaError("HandlerNotFound", handler ? `${name} is not a function` : `${name} is undefined or not exported`);
}

function streamifyResponse(handler) {
  return Object.assign(handler, { [responseStreaming]: "response" });
}

/** Only dots of the last step of the path count: the first ends the file's name, what follows are names in its exports. */
function partsOf(name) {
  if (name.includes(".."))
    throw lambdaError("MalformedHandlerName", `'${name}' is not a valid handler name: it leads out of the code's folder by ".."`);
  const last = basename(name);
  const dot = last.indexOf(".");
  if (dot < 0) throw lambdaError("MalformedHandlerName", "Bad handler");
  const path = name.slice(0, name.length - last.length) + last.slice(0, dot);
  return { path, names: last.slice(dot + 1).split(".") };
}

/** A file beside the others, or whatever `require` finds by this name. */
function fileOf(folder, path) {
  const whole = resolve(folder, path);
  const file = extensions.map((extension) => whole + extension).find((each) => existsSync(each) && statSync(each).isFile());
  if (file !== undefined) return file;
  try {
    return createRequire(join(folder, "index.js")).resolve(existsSync(whole) ? whole : path);
  } catch (error) {
    throw error.code === "MODULE_NOT_FOUND" ? lambdaError("ImportModuleError", String(error)) : error;
  }
}

async function loaded(file) {
  try {
    return await load(file);
  } catch (error) {
    if (error instanceof SyntaxError) throw lambdaError("UserCodeSyntaxError", String(error), error);
    if (error?.code === "MODULE_NOT_FOUND") throw lambdaError("ImportModuleError", String(error), error);
    throw error;
  }
}

/** What becomes of errors that nobody caught: all of them are the last of their process. */
const strictly = { describeStart: payloadOf, rejection: (reason) => new UnhandledPromiseRejection(reason) };

module.exports = { loadHandlerOf, loadLambda, strictly, taskFolder };
