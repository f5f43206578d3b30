"use strict";
/** Errors as callers of Lambda read them: `{errorType, errorMessage, trace}`. */
const { types } = require("node:util");
const { cleanStack } = require("./errors.cjs");

/** Longer ones would cost every record and log that they are in. */
const bodyCharactersMax = 128 * 1024;
const messageCharactersMax = 32 * 1024;

/** An error of the runtime's own, named `Runtime.<name>`; `cause` gives its place. */
function lambdaError(name, message, cause) {
  const error = new Error(message);
  error.name = `Runtime.${name}`;
  error.stack = `${error.name}: ${message}${placeOf(cause)}`;
  return error;
}

class UnhandledPromiseRejection extends Error {
  constructor(reason) {
    super(textOf(reason));
    this.reason = reason;
    this.stack = `${this.name}: ${this.message}${placeOf(reason)}`;
  }
}
UnhandledPromiseRejection.prototype.name = "Runtime.UnhandledPromiseRejection";

function textOf(value) {
  try {
    return String(value);
  } catch {
    return typeof value;
  }
}

/** The frames of an error's stack; of wrong syntax the line that has it, which comes first there. */
function placeOf(error) {
  if (!(error instanceof Error)) return "";
  const stack = String(error.stack);
  const place = /^(\/[^]*?)\n+SyntaxError: /.exec(stack);
  return place === null ? (/\n\s+at [^]*$/.exec(stack)?.[0] ?? "") : `\n${place[1]}`;
}

/** What callers read. */
function answerOf(error) {
  try {
    if (!types.isNativeError(error) && !looksLikeError(error))
      return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
    const { name, message, stack } = error;
    return { errorType: plain(name), errorMessage: plain(message), trace: plain(cleanStack(String(stack)))?.split("\n") };
  } catch {
    return {
      errorType: "handled",
      errorMessage: "The error that the code gave has a message, name or stack that cannot be read",
    };
  }
}

function looksLikeError(value) {
  return [value?.name, value?.message, value?.stack].every((each) => typeof each === "string" && each !== "");
}

/** The one character of control that headers, which some of it goes into, would trip over. */
const plain = (text) => text?.replaceAll("\x7f", "%7F");

/** The payload of an `error` or `failed` frame; what code that could not be loaded failed with says no more. `body`: what callers read, word for word. */
function payloadOf(error) {
  const answer = answerOf(error);
  const { errorType, errorMessage, trace } = answer;
  const message = String(errorMessage ?? "").slice(0, messageCharactersMax);
  let body = JSON.stringify(answer);
  if (body.length > bodyCharactersMax) body = JSON.stringify({ errorType, errorMessage: message, trace: [] });
  const stack = trace === undefined || trace.length === 0 ? null : trace.join("\n").slice(0, messageCharactersMax);
  return { type: String(errorType ?? ""), message, stack, body };
}

/** For the log: the error as it is, with what the code put on it. */
function logged(error) {
  try {
    const whole = error instanceof Error ? error : new Error(error);
    return JSON.stringify(whole, (_name, value) => (value instanceof Error ? members(value) : value)).slice(0, bodyCharactersMax);
  } catch {
    return JSON.stringify(answerOf(error));
  }
}

function members(error) {
  const { name, message, code, stack } = error;
  const found = { errorType: name, errorMessage: message, code, ...error };
  return typeof stack === "string" ? { ...found, stack: cleanStack(stack).split("\n") } : found;
}

module.exports = { lambdaError, logged, payloadOf, UnhandledPromiseRejection };
