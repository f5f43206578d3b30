"use strict";
/** Ids of calls in the spellings that others know them by (src/model/id.ts). */
const digits = new Uint8Array(128);
for (const [digit, letter] of [..."0123456789ABCDEFGHJKMNPQRSTVWXYZ"].entries()) digits[letter.charCodeAt(0)] = digit;

const hexCodes = Uint8Array.from("0123456789abcdef", (letter) => letter.charCodeAt(0));
const text = Buffer.alloc(32);

/** An id of 26 letters as 32 hex digits: the first two letters are 8 bits, each four of the others 20. */
function hexOf(id) {
  writeBits(0, 2, bitsOf(id, 0, 2));
  for (let at = 2, to = 2; at < 26; at += 4, to += 5) writeBits(to, 5, bitsOf(id, at, at + 4));
  return text.latin1Slice(0, 32);
}

function bitsOf(id, start, end) {
  let bits = 0;
  for (let at = start; at < end; at++) bits = (bits << 5) | digits[id.charCodeAt(at)];
  return bits;
}

function writeBits(start, length, bits) {
  for (let at = start + length - 1, rest = bits; at >= start; at--, rest >>>= 4) text[at] = hexCodes[rest & 15];
}

function uuidOf(id) {
  const hex = hexOf(id);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

module.exports = { hexOf, uuidOf };
