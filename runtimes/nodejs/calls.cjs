"use strict";
const { readU32 } = require("./bytes.cjs");
const { Call } = require("./call.cjs");
const { describeError } = require("./errors.cjs");

const flagEnd = 1;
/** On an error frame: the process ends after it, the platform must send no further call. */
const flagExit = 2;

/** What a caller may send of a request before it gets credit, in bytes. */
const requestWindowBytes = 256 * 1024;
/** Whoever wants the whole body takes all of it, whatever its length. */
const unlimited = 0xffffffff;

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
  /** How much of an answer may be sent before there is credit, in bytes. */
  answerWindowBytes = 64 * 1024;
  outlet;
  clock = systemClock;
  env = process.env;
  /** Where something is, or was, printed past us; null elsewhere. */
  marks = null;
  #open = new Map();
  /** What was read at once is being taken. */
  #reading = false;
  #socket;
  /** Calls whose handler returned nothing but may still call back. */
  #waiting = new Set();
  /** Id of the call that ended last; 0: none has. */
  #endedId = 0;
  /** The one call, when there is never more than one; cheaper than async context. */
  #current = null;
  #storage = null;

  constructor(outlet, socket) {
    this.outlet = outlet;
    this.#socket = socket;
  }

  /** Nothing is left to do besides listening for calls: those that wait will never call back. */
  idle() {
    for (const call of this.#waiting) call.idle();
  }

  /** With overlapping calls the async context tells which one printed a line. */
  attribute() {
    this.marks = null;
    const { AsyncLocalStorage } = require("node:async_hooks");
    this.#storage = new AsyncLocalStorage();
  }

  /** The id of the call that runs this code, 0 outside any. */
  currentId() {
    const call = this.running;
    return call === undefined || call === null || call.ended ? 0 : call.id;
  }

  /** The call that runs this code. */
  get running() {
    return this.#current ?? this.#storage?.getStore();
  }

  add(call) {
    this.#open.set(call.id, call);
  }

  /** Runs the handler of a call whose body is complete. */
  run(call) {
    const { run } = call.target;
    if (this.#storage !== null) this.#storage.run(call, run, call);
    else {
      this.#current = call;
      run(call);
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
    // Nothing joins the last one.
    if (this.concurrency === 1 || (this.#open.size === 0 && !this.#reading)) this.outlet.flush();
    else this.outlet.schedule();
    this.#endedId = call.id;
    this.marks?.print(call.id);
  }

  /** From now on calls are marked, and the last one too, whose output may lack its line feed. */
  mark(marks) {
    this.marks = marks;
    if (this.#open.size === 0 && this.#endedId > 0) marks.print(this.#endedId);
  }

  /** Takes what was read at once: the answers that it gets right away leave together. */
  read(inlet, buffer, bytes) {
    this.#reading = true;
    inlet.push(buffer, bytes);
    this.#reading = false;
    if (this.#open.size === 0) this.outlet.flush();
  }

  body(id, flags, buffer, start, end) {
    const call = this.#open.get(id);
    if (call === undefined) return;
    if (call.body !== null) this.#within(call, () => call.body.take(flags, Buffer.from(buffer.subarray(start, end))));
    if (call.pieces === null) return;
    call.pieces.push(Buffer.from(buffer.subarray(start, end)));
    if ((flags & flagEnd) === 0) return this.#gather(call, end - start);
    const whole = call.pieces.length === 1 ? call.pieces[0] : Buffer.concat(call.pieces);
    call.pieces = null;
    receive(this, call, whole, 0, whole.length);
  }

  /** More of the answer is welcome. */
  credit(id, bytes) {
    const call = this.#open.get(id);
    if (call === undefined) return;
    call.credit += bytes;
    if (call.sender !== null) this.#within(call, () => call.sender.pump());
  }

  cancel(id) {
    const call = this.#open.get(id);
    if (call === undefined) return;
    call.cancelled = true;
    this.#within(call, () => call.giveUp());
    // Its body never became complete: no handler will end it.
    if (call.pieces !== null) call.fail(require("./stopper.cjs").cancelError());
  }

  /** A body that will be kept whole may come as fast as it likes; one that fits into the window costs no credit. */
  #gather(call, bytes) {
    const before = call.gatheredBytes;
    call.gatheredBytes += bytes;
    if (before < requestWindowBytes / 2 && call.gatheredBytes >= requestWindowBytes / 2) this.outlet.credit(call.id, unlimited);
  }

  /** What listens to streams runs right in here, and prints under its call all the same. */
  #within(call, run) {
    if (this.#storage === null) run();
    else this.#storage.run(call, run);
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
  const bodyStart = start + 4 + readU32(buffer, start);
  if (bodyStart > end) throw new RangeError("The head of a call is longer than its frame");
  const call = new Call(calls, target, id, buffer.utf8Slice(start + 4, bodyStart));
  calls.add(call);
  if (target.streamed) stream(calls, call, flags, Buffer.from(buffer.subarray(bodyStart, end)));
  else if ((flags & flagEnd) !== 0) receive(calls, call, buffer, bodyStart, end);
  else call.pieces = bodyStart === end ? [] : [Buffer.from(buffer.subarray(bodyStart, end))];
}

/** The handler reads the body while it arrives. */
function stream(calls, call, flags, bytes) {
  const { Intake } = require("./intake.cjs");
  call.body = new Intake(calls.outlet, call, requestWindowBytes);
  call.body.take(flags, bytes);
  call.event = call.body;
  calls.run(call);
}

function receive(calls, call, buffer, start, end) {
  try {
    call.event = call.target.read(call.head, buffer, start, end, call.target);
  } catch (error) {
    call.status = 400;
    call.answer({ message: `The body is not valid JSON, as its content type says: ${error.message}` });
    return;
  }
  calls.run(call);
}

function textOf(error) {
  const { type, message, stack } = describeError(error);
  return stack ?? `${type}: ${message}`;
}

module.exports = { Calls, beginCall, requestWindowBytes };
