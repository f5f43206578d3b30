"use strict";
const { Writable } = require("node:stream");
const { Sender } = require("./sender.cjs");

const nothing = Buffer.alloc(0);

/**
 * Behind `context.writer()`: what is written is the answer, as it is written. The call ends when the handler has returned and the
 * writer has ended; a promise that settles ends the writer too.
 */
class Writer extends Writable {
  #call;
  #sender;
  #returned = false;
  #finished = false;

  constructor(outlet, call) {
    super({ highWaterMark: 64 * 1024 });
    this.#call = call;
    this.#sender = new Sender(outlet, call, "application/octet-stream");
  }

  /** The handler returned nothing, and may still be writing. */
  left() {
    this.#returned = true;
    this.#end();
  }

  /** The handler is done: what it has not ended ends now. */
  returned() {
    this.#returned = true;
    if (this.#finished) this.#end();
    else if (this.destroyed) this.#breakOff(this.errored);
    else this.end();
  }

  _write(chunk, _encoding, done) {
    if (this.#sender.send(chunk, false)) done();
    else this.#sender.onceDone(done);
  }

  _final(done) {
    this.#finished = true;
    done();
    this.#end();
  }

  _destroy(error, done) {
    done(error);
    if (this.#returned && !this.#finished) this.#breakOff(error);
  }

  #breakOff(error) {
    this.#call.fail(error ?? new Error("The writer of the answer was destroyed before its end"));
  }

  #end() {
    if (!this.#returned || !this.#finished || this.#call.ended) return;
    this.#call.settle();
    if (this.#sender.send(nothing, true)) this.#call.end();
    else this.#sender.onceDone(() => this.#call.end());
  }
}

module.exports = { Writer };
