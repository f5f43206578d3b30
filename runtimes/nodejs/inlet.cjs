"use strict";
const { readU32 } = require("./bytes.cjs");

const headBytes = 10;
const payloadBytesMax = 16 * 1024 * 1024;

/**
 * Cuts what arrives into frames. `hear(type, id, flags, buffer, start, end)` gets the payload as a range of a buffer that is used
 * again afterwards: who keeps bytes copies them.
 */
class Inlet {
  #hear;
  /** A frame of which only a part has arrived, and how much of it. */
  #partial = Buffer.allocUnsafe(headBytes);
  #filled = 0;

  constructor(hear) {
    this.#hear = hear;
  }

  push(buffer, bytes) {
    let offset = this.#filled === 0 ? 0 : this.#complete(buffer, bytes);
    while (bytes - offset >= headBytes) {
      const end = offset + headBytes + checked(readU32(buffer, offset));
      if (end > bytes) break;
      this.#emit(buffer, offset, end);
      offset = end;
    }
    if (offset < bytes) this.#keep(buffer, offset, bytes);
  }

  #emit(buffer, start, end) {
    this.#hear(buffer[start + 8], readU32(buffer, start + 4), buffer[start + 9], buffer, start + headBytes, end);
  }

  /** Goes on with the partial frame; returns how much of the new bytes it took. */
  #complete(buffer, bytes) {
    let offset = 0;
    if (this.#filled < headBytes) {
      offset = this.#fill(buffer, 0, Math.min(bytes, headBytes - this.#filled));
      if (this.#filled < headBytes) return offset;
      this.#grow();
    }
    const missing = this.#partial.length - this.#filled;
    offset = this.#fill(buffer, offset, Math.min(bytes, offset + missing));
    if (this.#filled < this.#partial.length) return offset;
    const whole = this.#partial;
    this.#partial = Buffer.allocUnsafe(headBytes);
    this.#filled = 0;
    this.#emit(whole, 0, whole.length);
    return offset;
  }

  #keep(buffer, offset, bytes) {
    const rest = this.#fill(buffer, offset, Math.min(bytes, offset + headBytes));
    if (this.#filled < headBytes) return;
    this.#grow();
    this.#fill(buffer, rest, bytes);
  }

  #fill(buffer, start, end) {
    buffer.copy(this.#partial, this.#filled, start, end);
    this.#filled += end - start;
    return end;
  }

  #grow() {
    const whole = Buffer.allocUnsafe(headBytes + checked(readU32(this.#partial, 0)));
    this.#partial.copy(whole, 0, 0, headBytes);
    this.#partial = whole;
  }
}

function checked(bytes) {
  if (bytes > payloadBytesMax) throw new RangeError(`A frame of ${bytes} bytes is over the limit of ${payloadBytesMax}`);
  return bytes;
}

module.exports = { Inlet };
