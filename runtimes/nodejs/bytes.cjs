"use strict";
/**
 * Numbers and texts in bytes, past Buffer's own checks of its arguments. A process that is called now and then finds none of its code in the processor's
 * caches: each function that a call needs less is time, and these were a tenth of a call. Callers know that what they name is there.
 */

function readU32(buffer, at) {
  return ((buffer[at] << 24) | (buffer[at + 1] << 16) | (buffer[at + 2] << 8) | buffer[at + 3]) >>> 0;
}

function writeU32(buffer, value, at) {
  buffer[at] = value >>> 24;
  buffer[at + 1] = value >>> 16;
  buffer[at + 2] = value >>> 8;
  buffer[at + 3] = value;
}

module.exports = { readU32, writeU32 };
