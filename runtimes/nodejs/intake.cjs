"use strict";
const { Readable } = require("node:stream");

const flagEnd = 1;

/**
 * The event of a handler with `streamed`: the request's body as it arrives. The caller gets credit for what the code has read, so that
 * at most a window of it is here. Destroying it tells the caller to stop.
 */
class Intake extends Readable {
  #outlet;
  #call;
  #windowBytes;
  #pieces = [];
  /** The stream has room, and nothing was there when it asked. */
  #wanted = false;
  #takenBytes = 0;
  #complete = false;

  constructor(outlet, call, windowBytes) {
    super({ highWaterMark: 16 * 1024 });
    // Whoever reads hears of errors; where nobody does, they are no reason to die.
    this.on("error", () => {});
    this.#outlet = outlet;
    this.#call = call;
    this.#windowBytes = windowBytes;
  }

  take(flags, bytes) {
    if (this.#complete) return;
    this.#complete = (flags & flagEnd) !== 0;
    if (bytes.length > 0) this.#pieces.push(bytes);
    if (this.#wanted) this._read();
  }

  /** No more will come. */
  over(error) {
    this.#complete = true;
    if (!this.readableEnded) this.destroy(error);
  }

  _read() {
    const bytes = this.#pieces.shift();
    this.#wanted = bytes === undefined && !this.#complete;
    if (bytes === undefined) {
      if (this.#complete) this.push(null);
      return;
    }
    this.#takenBytes += bytes.length;
    if (!this.#complete && this.#takenBytes >= this.#windowBytes / 2) {
      this.#outlet.credit(this.#call.id, this.#takenBytes);
      this.#takenBytes = 0;
    }
    this.push(bytes);
  }

  _destroy(error, done) {
    if (!this.#complete && !this.#call.ended) this.#outlet.enough(this.#call.id);
    this.#complete = true;
    this.#pieces = [];
    done(error);
  }
}

module.exports = { Intake };
