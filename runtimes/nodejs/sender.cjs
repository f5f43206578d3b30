"use strict";
const { pieceBytesMax } = require("./outlet.cjs");

const bodyType = 17;
const flagEnd = 1;
const nothing = Buffer.alloc(0);

/**
 * Sends the answer of one call in pieces, as far as its reader gives credit and the connection has room. The head waits for the first
 * piece: what the code throws or sets before it still shows in the head.
 */
class Sender {
  #outlet;
  #call;
  #contentType;
  #bytes = nothing;
  #start = 0;
  #last = false;
  #lastSent = false;
  #draining = false;
  #done = null;

  constructor(outlet, call, contentType) {
    this.#outlet = outlet;
    this.#call = call;
    this.#contentType = contentType;
    call.sender = this;
  }

  /** Whether all of it left, or was thrown away because nobody wants it any more; if not, `onceDone` tells when. */
  send(bytes, last) {
    this.#bytes = bytes;
    this.#start = 0;
    this.#last = last;
    this.pump();
    return this.#isDone();
  }

  onceDone(run) {
    this.#done = run;
  }

  /** Goes on: there is credit or room, or the call has ended or been cancelled. */
  pump() {
    while (!this.#isDone()) {
      if (this.#call.cancelled) this.#start = this.#bytes.length;
      const left = this.#bytes.length - this.#start;
      if (left > 0 && this.#call.credit === 0) return;
      if (this.#outlet.congested) return this.#waitForRoom();
      this.#piece(this.#start + Math.min(left, pieceBytesMax, this.#call.credit));
    }
    const done = this.#done;
    this.#done = null;
    done?.();
  }

  #isDone() {
    return this.#call.ended || (this.#start === this.#bytes.length && (!this.#last || this.#lastSent));
  }

  #waitForRoom() {
    if (this.#draining) return;
    this.#draining = true;
    this.#outlet.onceDrained(() => {
      this.#draining = false;
      this.pump();
    });
  }

  #piece(end) {
    const call = this.#call;
    const flags = this.#last && end === this.#bytes.length ? flagEnd : 0;
    if (call.begun) this.#outlet.bytes(bodyType, call.id, flags, this.#bytes, this.#start, end);
    else this.#outlet.result(call.id, flags, headOf(call, this.#contentType), this.#bytes, this.#start, end);
    call.begun = true;
    call.credit -= end - this.#start;
    this.#start = end;
    this.#lastSent = flags !== 0;
    this.#outlet.soon();
  }
}

/** The head of an answer; with a content type unless the code has set one. */
function headOf(call, contentType) {
  const type = contentType === "" || call.headers?.has("content-type") ? "" : `content-type:${contentType}\n`;
  if (call.status === 0 && call.headers === null) return type;
  let head = call.status === 0 ? type : `:status:${call.status}\n${type}`;
  for (const [name, values] of call.headers ?? []) for (const value of values) head += `${name}:${value}\n`;
  return head;
}

module.exports = { Sender, headOf };
