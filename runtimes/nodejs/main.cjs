"use strict";
/**
 * The Node shim: connects to the platform, loads the function's code and serves its calls (docs/frames.md).
 * Runs on Node 20 and newer. CommonJS, and few modules: as ES modules the same files start 9 ms later. What only some functions need is
 * required when they need it.
 */
const { connect } = require("node:net");
const { beginCall, Calls } = require("./calls.cjs");
const { describeError } = require("./errors.cjs");
const { Inlet } = require("./inlet.cjs");
const { loadHandler } = require("./load.cjs");
const { Outlet } = require("./outlet.cjs");
const { captureOutput } = require("./output.cjs");

const type = { hello: 1, init: 2, ready: 3, failed: 4, call: 16, body: 17, cancel: 20 };

const path = process.env.KILN_SOCKET;
if (path === undefined) {
  process.stderr.write("KILN_SOCKET is not set: this program is started by the platform, see docs/frames.md\n");
  process.exit(2);
}

const inlet = new Inlet(hear);
const socket = connect({
  path,
  onread: {
    buffer: Buffer.allocUnsafeSlow(64 * 1024),
    callback(bytes, buffer) {
      inlet.push(buffer, bytes);
      return true;
    },
  },
});
const outlet = new Outlet(socket);
const calls = new Calls(outlet, socket);
/** Undefined until the code is loaded. */
let target;
let loading = false;

socket.once("connect", () => {
  outlet.open();
  outlet.json(type.hello, 0, { protocol: 1, runtime: "node", version: process.versions.node });
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
  else if (frameType === type.cancel) calls.cancel(id);
  else if (frameType === type.init && !loading) void init(JSON.parse(buffer.toString("utf8", start, end)));
}

async function init({ code, handler, concurrency }) {
  loading = true;
  calls.concurrency = concurrency;
  captureOutput(outlet, calls);
  process.on("uncaughtException", die);
  process.on("unhandledRejection", (error) => (loading ? die(error) : calls.rejected(error)));
  process.on("beforeExit", () => calls.idle());
  process.on("exit", () => outlet.flushNow());
  try {
    if (concurrency > 1) calls.attribute();
    target = await loadHandler(process.env.KILN_CODE ?? code, handler);
  } catch (error) {
    die(error);
  }
  loading = false;
  outlet.json(type.ready, 0, {});
  outlet.flush();
}

/** The process cannot go on: tells whose fault it was, and ends. */
function die(error) {
  if (loading) outlet.json(type.failed, 0, describeError(error, true));
  else calls.breakOff(error);
  process.exit(1);
}
