"use strict";
const { sendAnswer, sendFailure } = require("./answer.cjs");
const { makeContext } = require("./context.cjs");
const { callbackMisuse, describeError, isDeliberate, isError } = require("./errors.cjs");
const { eventOf } = require("./event.cjs");

const flagEnd = 1;
/** On an error frame: the process ends after it, the platform must send no further call. */
const flagExit = 2;

/** The only one, but in tests of functions. `after` gives what stops it; it keeps no process alive. */
const systemClock = {
  now: Date.now,
  after(ms, run) {
    const timer = setTimeout(run, ms).unref();
    return () => clearTimeout(timer);
  },
};

/** The calls of this process. */
class Calls {
  concurrency = 1;
  outlet;
  clock = systemClock;
  env = process.env;
  #open = new Map();
  #socket;
  /** Calls whose handler returned nothing but may still call back. */
  #waiting = new Set();
  /** The one call, when there is never more than one; cheaper than async context. */
  #current = null;
  #storage = null;

  constructor(outlet, socket) {
    this.outlet = outlet;
    this.#socket = socket;
  }

  /** Nothing is left to do besides listening for calls: those that wait will never call back. */
  idle() {
    for (const call of this.#waiting) call.answer(undefined);
  }

  /** With overlapping calls the async context tells which one printed a line. */
  attribute() {
    const { AsyncLocalStorage } = require("node:async_hooks");
    this.#storage = new AsyncLocalStorage();
  }

  /** The id of the call that runs this code, 0 outside any. */
  currentId() {
    const call = this.#current ?? this.#storage?.getStore();
    return call === undefined || call === null || call.ended ? 0 : call.id;
  }

  add(call) {
    this.#open.set(call.id, call);
  }

  /** Runs the handler of a call whose body is complete. */
  run(call) {
    if (this.#storage !== null) this.#storage.run(call, runHandler, call);
    else {
      this.#current = call;
      runHandler(call);
    }
  }

  /** The call stays open until it calls back or nothing is left to do. */
  wait(call) {
    if (this.#waiting.add(call).size === 1) this.#socket.unref();
  }

  /** The answer is on its way: the call no longer waits for anything. */
  settled(call) {
    if (this.#waiting.size > 0 && this.#waiting.delete(call) && this.#waiting.size === 0) this.#socket.ref();
  }

  /** The last frame of the call is written. */
  ended(call) {
    this.#open.delete(call.id);
    if (this.#current === call) this.#current = null;
    if (this.concurrency === 1) this.outlet.flush();
    else this.outlet.schedule();
  }

  body(id, flags, buffer, start, end) {
    const call = this.#open.get(id);
    if (call === undefined || call.pieces === null) return;
    call.pieces.push(Buffer.from(buffer.subarray(start, end)));
    if ((flags & flagEnd) === 0) return;
    const whole = call.pieces.length === 1 ? call.pieces[0] : Buffer.concat(call.pieces);
    call.pieces = null;
    receive(this, call, whole, 0, whole.length);
  }

  cancel(id) {
    const call = this.#open.get(id);
    if (call === undefined) return;
    call.cancelled = true;
    call.stopper?.cancel();
    call.stop?.();
    // Its body never became complete: no handler will end it.
    if (call.pieces !== null) call.fail(require("./stopper.cjs").cancelError());
  }

  /** A rejection that nobody handled fails the call it belongs to; where that is unknown, all of them. */
  rejected(error) {
    if (!this.#failCurrent(error, 0)) this.outlet.log(0, 2, `Unhandled rejection outside any call: ${textOf(error)}\n`);
  }

  /** The process ends because of this error. */
  breakOff(error) {
    if (!this.#failCurrent(error, flagExit)) this.outlet.log(0, 2, `Uncaught error outside any call: ${textOf(error)}\n`);
    for (const call of this.#open.values()) call.fail(error, flagExit);
  }

  #failCurrent(error, flags) {
    const call = this.#current ?? this.#storage?.getStore();
    const failing = call === undefined || call === null || call.ended ? [...this.#open.values()] : [call];
    for (const each of failing) each.fail(error, flags);
    return failing.length > 0;
  }
}

/** A `call` frame: reads the head, and runs the handler as soon as the body is complete. */
function beginCall(calls, target, id, flags, buffer, start, end) {
  const bodyStart = start + 4 + buffer.readUInt32BE(start);
  const call = new Call(calls, target, id, buffer.toString("utf8", start + 4, bodyStart));
  calls.add(call);
  if ((flags & flagEnd) !== 0) receive(calls, call, buffer, bodyStart, end);
  else call.pieces = bodyStart === end ? [] : [Buffer.from(buffer.subarray(bodyStart, end))];
}

function receive(calls, call, buffer, start, end) {
  try {
    call.event = eventOf(call.head, buffer, start, end);
  } catch (error) {
    call.status = 400;
    call.answer({ message: `The body is not valid JSON, as its content type says: ${error.message}` });
    return;
  }
  calls.run(call);
}

/**
 * One call, from its head to the last frame of its answer. It is *settled* once the code gave its answer or error, of which only the
 * first counts, and *ended* when the last frame is written.
 */
class Call {
  id;
  head;
  event = undefined;
  /** What has arrived of a body that is not complete; null otherwise. */
  pieces = null;
  status = 0;
  headers = null;
  settled = false;
  ended = false;
  cancelled = false;
  /** Behind `context.signal`, once somebody asked for it. */
  stopper = null;
  /** Stops the stream that is the answer. */
  stop = null;
  target;
  #calls;

  /** What the time is, for what the context says of it. */
  get clock() {
    return this.#calls.clock;
  }

  get env() {
    return this.#calls.env;
  }

  constructor(calls, target, id, head) {
    this.#calls = calls;
    this.target = target;
    this.id = id;
    this.head = head;
  }

  answer(value) {
    if (this.settled) return;
    this.settled = true;
    this.#calls.settled(this);
    try {
      sendAnswer(this.#calls.outlet, this, value);
    } catch (error) {
      this.#error(error, 0);
    }
  }

  /** Prints for the code, under this call wherever it runs. */
  print(stream, text) {
    this.#calls.outlet.log(this.ended ? 0 : this.id, stream, text);
  }

  /** Ends the call with an error, also in the middle of its answer. */
  fail(error, flags = 0) {
    if (this.settled && this.stop === null) return;
    const answering = this.settled;
    this.settled = true;
    this.#calls.settled(this);
    // Nothing is said then: the platform ends the call as a timeout in a moment, which is what it is.
    if (flags === 0 && this.stopper?.isTimeUp(error)) return;
    if (flags === 0 && !answering && this.deliberate(error)) return;
    this.#error(error, flags);
  }

  /** Answers with an error that was meant as an answer; false when it is none, or cannot be written down. */
  deliberate(error) {
    if (!isDeliberate(error)) return false;
    if (error.status >= 500) this.print(2, `${describeError(error).stack}\n`);
    try {
      sendFailure(this.#calls.outlet, this, error);
      return true;
    } catch {
      return false;
    }
  }

  wait() {
    if (!this.settled) this.#calls.wait(this);
  }

  /** The frame with END is in the outlet. */
  end() {
    this.ended = true;
    this.stop = null;
    this.stopper?.end();
    this.#calls.ended(this);
  }

  #error(error, flags) {
    if (this.ended) return;
    const described = describeError(error);
    // The record has the message; where it came from is in the log.
    if (!this.cancelled && described.stack !== null) this.print(2, `${described.stack}\n`);
    this.#calls.outlet.json(19, this.id, described, flags);
    this.end();
  }
}

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

function textOf(error) {
  const { type, message, stack } = describeError(error);
  return stack ?? `${type}: ${message}`;
}

module.exports = { Calls, beginCall };
