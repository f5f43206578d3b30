"use strict";
/** How long before the deadline the code is told, so that it can still answer; at most a tenth of the time it has left. */
const leadMsMax = 100;
const timerMsMax = 0x7fffffff;

/**
 * Behind `context.signal`: aborts when nobody waits for the answer any more, and shortly before the deadline. Made when the signal is
 * first read, so that calls that do not read it have no timer.
 */
class Stopper {
  #controller = new AbortController();
  #clearTimer = null;
  #timeUp = null;

  constructor(call, deadline) {
    if (call.cancelled) this.cancel();
    else if (!call.ended) {
      const leftMs = Math.max(0, deadline - call.clock.now());
      const ms = Math.min(timerMsMax, leftMs - Math.min(leadMsMax, leftMs / 10));
      this.#clearTimer = call.clock.after(ms, () => this.#timeIsUp());
    }
  }

  get signal() {
    return this.#controller.signal;
  }

  /** Nobody waits for the call any more. */
  cancel() {
    this.#controller.abort(cancelError());
  }

  /** The call is over. */
  end() {
    this.#clearTimer?.();
  }

  /** Whether the code failed with nothing but what the signal told it about the time. */
  isTimeUp(error) {
    return this.#timeUp !== null && (error === this.#timeUp || error?.cause === this.#timeUp);
  }

  #timeIsUp() {
    this.#timeUp = named("TimeoutError", "The call's time is up");
    this.#controller.abort(this.#timeUp);
  }
}

function cancelError() {
  return named("AbortError", "The call was cancelled: nobody waits for its answer any more");
}

/** With the names that `AbortSignal.timeout()` and `AbortController.abort()` have taught everybody to look for. */
function named(name, message) {
  const error = new Error(message);
  error.name = name;
  return error;
}

module.exports = { Stopper, cancelError };
