"use strict";
const { format } = require("node:util");
const { requestIdOf } = require("./lambda-call.cjs");
const { logged, UnhandledPromiseRejection } = require("./lambda-errors.cjs");

const levels = ["trace", "debug", "info", "warn", "error", "fatal"];
/** From here on to stderr. */
const warn = levels.indexOf("warn");

let lineOf = textLine;
let lowest = 0;

/**
 * From here on `console` writes lines as Lambda's logs have them: time, request, level and message, or JSON where AWS_LAMBDA_LOG_FORMAT says so. Below
 * AWS_LAMBDA_LOG_LEVEL there is nothing.
 */
function prepareConsole(calls) {
  const { AWS_LAMBDA_LOG_FORMAT: wanted, AWS_LAMBDA_LOG_LEVEL: level } = process.env;
  lineOf = wanted?.toUpperCase() === "JSON" ? jsonLine : textLine;
  lowest = Math.max(0, levels.indexOf(level?.toLowerCase() ?? ""));
  /** Of the latest call: what prints between two belongs to the one before. */
  let request;
  const write = (name, rank, values) => {
    const { running } = calls;
    if (running) request = requestIdOf(running);
    const stream = rank < warn ? process.stdout : process.stderr;
    stream.write(`${lineOf(name.toUpperCase(), request, values)}\n`);
  };
  for (const [rank, name] of levels.entries())
    console[name] = rank < lowest ? () => {} : (...values) => write(name, rank, values);
  console.log = console.info;
}

/** The error of a call, in its log wherever it came from. */
function printError(call, error) {
  if (lowest > levels.indexOf("error") || call.cancelled) return;
  const how = error instanceof UnhandledPromiseRejection ? "Unhandled Promise Rejection" : "Invoke Error";
  const values = lineOf === jsonLine ? [error] : [how, `\t${logged(error)}`];
  call.print(2, `${lineOf("ERROR", requestIdOf(call), values)}\n`);
}

function textLine(level, request, values) {
  return `${new Date().toISOString()}\t${request}\t${level}\t${format(...values)}`;
}

function jsonLine(level, requestId, values) {
  const entry = { timestamp: new Date().toISOString(), level, requestId };
  if (values.length === 1) {
    try {
      return JSON.stringify({ ...entry, message: values[0] }, (_name, value) =>
        value instanceof Error ? errorEntry(value) : value,
      );
    } catch {
      return JSON.stringify({ ...entry, message: format(values[0]) });
    }
  }
  const error = values.find((value) => value instanceof Error);
  return JSON.stringify({ ...entry, message: format(...values), ...(error === undefined ? {} : errorEntry(error)) });
}

function errorEntry(error) {
  const stackTrace = typeof error.stack === "string" ? error.stack.split("\n") : error.stack;
  return { errorType: error.constructor?.name ?? "UnknownError", errorMessage: error.message, stackTrace, ...error };
}

module.exports = { prepareConsole, printError };
