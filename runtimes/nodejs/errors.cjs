"use strict";
const { sep } = require("node:path");

const ownFolder = __dirname + sep;
/** Errors of the engine rather than of the code: their message gets the place, as it says little without. */
const wantsPlace = new Set(["ReferenceError", "SyntaxError", "CallbackMisuse"]);

/** A thrown value as the payload of `error` and `failed` frames; `placed`: its message gets the place whatever it is. */
function describeError(error, placed = false) {
  if (!isError(error)) return { type: typeof error, message: describeValue(error), stack: null };
  const type = String(error.name ?? error.constructor?.name ?? "Error");
  const stack = cleanStack(String(error.stack ?? ""));
  const message = String(error.message ?? "");
  const place = placed || wantsPlace.has(type) ? placeIn(stack) : undefined;
  const text = place === undefined || message.includes(place) ? message : `${message} (at ${place})`;
  return { type, message: text, stack: stack + causesOf(error, [error]) };
}

/** The stacks of what caused an error: `cause` one after the other, and the first errors of an aggregate. */
function causesOf(error, seen) {
  let text = "";
  for (const cause of [error.cause, ...(Array.isArray(error.errors) ? error.errors.slice(0, 5) : [])]) {
    if (cause === undefined || cause === null || seen.includes(cause) || seen.push(cause) > 10) continue;
    text += `\nCaused by: ${isError(cause) ? cleanStack(String(cause.stack ?? "")) + causesOf(cause, seen) : describeValue(cause)}`;
  }
  return text;
}

/** Whether the code throws this as its answer: a FunctionError of `fdk/node`, or anything that looks like one. */
function isDeliberate(error) {
  if (!isError(error) || error.name !== "FunctionError") return false;
  return Number.isInteger(error.status) && error.status >= 400 && error.status <= 599;
}

/** True for errors, those of other realms (vm) too. */
function isError(value) {
  return value instanceof Error || (typeof value === "object" && value !== null && typeof value.stack === "string");
}

/**
 * What a callback gets that is called with its result in the place of the error: an error with the place of that call.
 * Frames from `below` upwards are left out.
 */
function callbackMisuse(value, below) {
  const error = new Error(
    `The callback was given ${article(value)} as its error, the first argument: ${describeValue(value)}. ` +
      "To answer with a result call callback(null, result); to fail give it an Error",
  );
  error.name = "CallbackMisuse";
  Error.captureStackTrace(error, below);
  return error;
}

/** The stack without our own frames and Node's loader, with paths instead of file URLs. */
function cleanStack(stack) {
  return stack
    .split("\n")
    .filter((line) => !/^\s+at /.test(line) || !(line.includes(ownFolder) || line.includes("node:internal/")))
    .join("\n")
    .replaceAll("file:///", "/")
    .replace(/\n+Node\.js v[\d.]+\s*$/, "")
    .trimEnd();
}

/** "file:line:column" of the innermost frame, or "file:line" at the top of a syntax error. */
function placeIn(stack) {
  const frame = /^\s+at (?:.*\()?(\/[^()]*:\d+:\d+)\)?$/m.exec(stack);
  return (/^(\/[^\n]*:\d+)$/m.exec(stack.split("\n", 1)[0]) ?? frame)?.[1];
}

function article(value) {
  if (typeof value === "object") return Array.isArray(value) ? "an array" : "an object";
  return `a ${typeof value}`;
}

function describeValue(value) {
  if (typeof value === "string") return cut(value);
  if (typeof value === "function") return `function ${value.name || "(anonymous)"}`;
  if (typeof value?.message === "string") return cut(value.message);
  try {
    return cut(JSON.stringify(value) ?? String(value));
  } catch {
    return String(value);
  }
}

function cut(text) {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

module.exports = { cleanStack, describeError, isDeliberate, isError, callbackMisuse };
