"use strict";
const { sendAnswer, sendFailure, sendJson } = require("./answer.cjs");
const { describeError, isDeliberate } = require("./errors.cjs");

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
  gatheredBytes = 0;
  /** The body that a streamed handler reads. */
  body = null;
  /** What may still be sent of the answer, in bytes. */
  credit;
  /** Sends an answer that comes in pieces, and what the code writes it with. */
  sender = null;
  writer = null;
  /** The head of the answer has left. */
  begun = false;
  status = 0;
  headers = null;
  settled = false;
  ended = false;
  cancelled = false;
  /** Behind `context.signal`, once somebody asked for it. */
  stopper = null;
  /** Ends the call once there is nothing left to do; null: it has no answer then. */
  #whenIdle = null;
  /** Stops the answer; not null while it can still be broken off. */
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

  /** The call that runs the code that asks; this one where that is unknown. */
  get running() {
    return this.#calls.running ?? this;
  }

  constructor(calls, target, id, head) {
    this.#calls = calls;
    this.target = target;
    this.id = id;
    this.head = head;
    this.credit = calls.answerWindowBytes;
  }

  answer(value) {
    if (this.settled) return;
    this.settle();
    if (this.writer !== null) return this.writer.returned();
    try {
      sendAnswer(this.#calls.outlet, this, value);
    } catch (error) {
      this.#error(error, 0);
    }
  }

  /** The answer as JSON that is written already. */
  answerJson(json) {
    if (this.settled) return;
    this.settle();
    sendJson(this.#calls.outlet, this, json);
  }

  /** Unless something ends the call before, `run` does once nothing is left to do. */
  whenIdle(run) {
    if (this.settled) return;
    this.#whenIdle = run;
    this.#calls.wait(this);
  }

  /** Nothing is left to do besides listening for calls. */
  idle() {
    if (this.#whenIdle === null) this.answer(undefined);
    else this.#whenIdle();
  }

  /** What comes back from the code no longer counts. */
  settle() {
    this.settled = true;
    this.#calls.settled(this);
  }

  /** Nobody waits for the answer any more. */
  giveUp() {
    this.stopper?.cancel();
    this.body?.over(require("./stopper.cjs").cancelError());
    this.stop?.();
    this.sender?.pump();
  }

  /** What the code writes the answer with. */
  openWriter(Type = require("./writer.cjs").Writer) {
    if (this.writer !== null) return this.writer;
    if (this.settled) throw new Error("This call has its answer already: a writer comes too late");
    this.writer = new Type(this.#calls.outlet, this);
    this.stop = () => this.writer.destroy();
    return this.writer;
  }

  /** Prints for the code, under this call wherever it runs. */
  print(stream, text) {
    this.#calls.outlet.log(this.ended ? 0 : this.id, stream, text);
  }

  /** Ends the call with an error, also in the middle of its answer. */
  fail(error, flags = 0) {
    if (this.ended || (this.settled && this.stop === null)) return;
    this.settle();
    // Nothing is said then: the platform ends the call as a timeout in a moment, which is what it is.
    if (flags === 0 && this.stopper?.isTimeUp(error)) return;
    if (flags === 0 && !this.begun && this.deliberate(error)) return;
    this.#error(error, flags);
  }

  /** Answers with an error that was meant as an answer; false when it is none, or cannot be written down. */
  deliberate(error) {
    if (this.target.describe !== undefined || !isDeliberate(error)) return false;
    if (error.status >= 500) this.print(2, `${describeError(error).stack}\n`);
    try {
      sendFailure(this.#calls.outlet, this, error);
      return true;
    } catch {
      return false;
    }
  }

  /** The handler has returned and gave no answer yet. Bodies that still flow are something left to do. */
  wait() {
    if (this.writer !== null) this.writer.left();
    else if (!this.settled && this.body === null) this.#calls.wait(this);
  }

  /** The frame with END is in the outlet. */
  end() {
    this.ended = true;
    this.stop = null;
    this.stopper?.end();
    this.#calls.ended(this);
    if (this.body !== null || this.sender !== null) this.#release();
  }

  /** Code that still reads or writes finds that nothing comes of it. */
  #release() {
    this.body?.over();
    this.writer?.destroy();
    this.sender?.pump();
  }

  #error(error, flags) {
    if (this.ended) return;
    const described = this.target.describe?.(error, this) ?? this.#described(error);
    this.#calls.outlet.json(19, this.id, described, flags);
    this.end();
  }

  /** The record has the message; where it came from is in the log. */
  #described(error) {
    const described = describeError(error);
    if (!this.cancelled && described.stack !== null) this.print(2, `${described.stack}\n`);
    return described;
  }
}

module.exports = { Call };
