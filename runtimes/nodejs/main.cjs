"use strict";
/**
 * The Node shim: connects to the platform, loads the function's code and serves its calls (docs/frames.md).
 * Runs on Node 20 and newer. CommonJS, and few modules: as ES modules the same files start 9 ms later. What only some functions need is
 * required when they need it.
 */
const { connect } = require("node:net");
const { beginCall, Calls, requestWindowBytes } = require("./calls.cjs");
const { describeError } = require("./errors.cjs");
const { Inlet } = require("./inlet.cjs");
const { loadHandler } = require("./load.cjs");
const { Marks } = require("./marks.cjs");
const { Outlet } = require("./outlet.cjs");
const { captureConsole, captureOutput } = require("./output.cjs");

const type = { hello: 1, init: 2, ready: 3, failed: 4, rehearse: 5, mark: 6, call: 16, body: 17, cancel: 20, credit: 21 };

const path = process.env.KILN_SOCKET;
// Beside Lambda's extensions the platform is on their port.
const port = path === undefined ? process.env.AWS_LAMBDA_RUNTIME_API?.split(":")[1] : undefined;
const place = port === undefined ? { path } : { host: "127.0.0.1", port: Number(port), noDelay: true };
if (path === undefined && port === undefined) {
  process.stderr.write("KILN_SOCKET is not set: this program is started by the platform, see docs/frames.md\n");
  process.exit(2);
}

const inlet = new Inlet(hear);
const onread = {
  buffer: Buffer.allocUnsafeSlow(64 * 1024),
  callback(bytes, buffer) {
    calls.read(inlet, buffer, bytes);
    return true;
  },
};
// Deno knows nothing of reading into a buffer of ours.
const isDeno = process.versions.deno !== undefined;
const isNode = !isDeno && process.versions.bun === undefined;
const socket = connect(isDeno ? place : { ...place, onread });
if (isDeno) socket.on("data", (data) => calls.read(inlet, data, data.length));
const outlet = new Outlet(socket);
const calls = new Calls(outlet, socket);
const marks = new Marks();
// What Node's own code prints we catch; the rest we do not see, and the platform tells us of it.
const marksAlways = !isNode || process.env.KILN_PROGRAM !== undefined;
if (marksAlways) calls.marks = marks;
/** Undefined until code is loaded; of a sample of ours while there is none. */
let target;
let loading = false;
/** Of the code's convention: what becomes of errors that nobody caught; undefined: they fail calls. */
let strictly;
/** The code has come, or is on its way. */
let begun = false;

socket.once("connect", () => {
  outlet.open();
  const version = process.versions.node;
  const marked = { mark: marks.text, marks: marksAlways ? "always" : "asked" };
  outlet.json(type.hello, 0, { protocol: 1, runtime: "node", version, window: requestWindowBytes, rehearses: true, ...marked });
  outlet.flush();
});
socket.once("error", (error) => {
  process._rawDebug(`The connection to the platform failed: ${error.message}`);
  process.exit(1);
});
// Without the platform there is nobody to work for, whatever timers the code still has.
socket.once("close", () => {
  outlet.close();
  process.exit(0);
});

function hear(frameType, id, flags, buffer, start, end) {
  if (frameType === type.call) beginCall(calls, target, id, flags, buffer, start, end);
  else if (frameType === type.body) calls.body(id, flags, buffer, start, end);
  else if (frameType === type.credit) calls.credit(id, buffer.readUInt32BE(start));
  else if (frameType === type.cancel) calls.cancel(id);
  else if (frameType === type.mark) calls.mark(marks);
  else if (frameType === type.init && !loading && !begun) {
    begun = true;
    const settings = JSON.parse(buffer.toString("utf8", start, end));
    void load(() => init({ ...settings, code: process.env.KILN_CODE ?? settings.code }));
  } else if (frameType === type.rehearse && target === undefined && !loading) {
    void load(() => require("./rehearsal.cjs").rehearse(init));
  }
}

function init({ code, handler, concurrency, window, env, convention, parameters, reserved, arn }) {
  if (env !== undefined) Object.assign(process.env, env);
  calls.concurrency = concurrency;
  calls.answerWindowBytes = window;
  if (concurrency > 1) calls.attribute();
  if (concurrency > 1 && !isNode) captureConsole();
  if (convention === "parameters") return require("./parameters.cjs").loadMain(code, handler, parameters, reserved);
  if (convention === "lambda") return initLambda(code, handler, arn);
  return loadHandler(code, handler);
}

function initLambda(code, handler, arn) {
  const { loadLambda, strictly: rules, taskFolder } = require("./lambda.cjs");
  strictly = rules;
  return loadLambda(taskFolder(code), handler, arn, calls);
}

/** The code may do what it likes from its first line on: whatever that is has to be caught by then. */
function prepare() {
  captureOutput(outlet, calls);
  process.on("uncaughtException", die);
  process.on("unhandledRejection", rejected);
  process.on("beforeExit", () => calls.idle());
  process.on("exit", () => outlet.flushNow());
}

function rejected(error) {
  if (strictly !== undefined) die(strictly.rejection(error));
  else if (loading) die(error);
  else calls.rejected(error);
}

async function load(run) {
  if (target === undefined) prepare();
  loading = true;
  try {
    target = await run();
  } catch (error) {
    return die(error);
  }
  loading = false;
  outlet.json(type.ready, 0, {});
  outlet.flush();
}

/** The process cannot go on: tells whose fault it was, and ends. */
function die(error) {
  if (loading) outlet.json(type.failed, 0, strictly?.describeStart(error) ?? describeError(error, true));
  else calls.breakOff(error);
  if (outlet.isDirect) process.exit(1);
  outlet.flush();
  socket.end();
}
