"use strict";
const { makeContext } = require("./context.cjs");
const { callbackMisuse, isError } = require("./errors.cjs");

/** Runs the handler of a call, and takes what it gives, now or later. */
function runHandler(call) {
  const { handler, receiver, signature } = call.target;
  const callback = signature.callable || handler.length >= 3 ? callbackOf(call) : undefined;
  try {
    const context = makeContext(call, signature.callable ? callback : undefined);
    const result = handler.call(receiver, call.event, context, callback);
    if (typeof result?.then === "function")
      result.then(
        (value) => call.answer(value),
        (error) => call.fail(error),
      );
    else if (call.writer !== null && result === undefined) call.wait();
    else if (isAnswer(result, signature)) call.answer(result);
    else call.wait();
  } catch (error) {
    call.fail(error);
  }
}

function callbackOf(call) {
  return function callback(error, result) {
    if (!error) call.answer(result);
    else call.fail(isError(error) ? error : callbackMisuse(error, callback));
  };
}

/** Whether what a handler returned ends its call: `cb => setTimeout(cb)` returns a timer, which does not. */
function isAnswer(result, signature) {
  if (!signature.waits) return true;
  if (result === undefined) return false;
  if (typeof result === "string") return true;
  if (result === null || typeof result !== "object") return !signature.certain;
  const prototype = Object.getPrototypeOf(result);
  return (
    prototype === Object.prototype ||
    prototype === null ||
    Array.isArray(result) ||
    ArrayBuffer.isView(result) ||
    Symbol.asyncIterator in result ||
    typeof result.next === "function"
  );
}

module.exports = { runHandler };
