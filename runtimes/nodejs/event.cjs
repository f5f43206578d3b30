"use strict";
/** A field of the head by its name and colon, such as "content-type:"; undefined when absent. */
function fieldOf(head, nameAndColon) {
  let start = 0;
  if (!head.startsWith(nameAndColon)) {
    start = head.indexOf(`\n${nameAndColon}`) + 1;
    if (start === 0) return undefined;
  }
  return head.slice(start + nameAndColon.length, head.indexOf("\n", start));
}

/** What the handler sees of a body. Throws SyntaxError when it is declared JSON and is not. */
function eventOf(head, buffer, start, end) {
  if (start === end) return undefined;
  const contentType = fieldOf(head, "content-type:");
  if (contentType === "application/json") return JSON.parse(buffer.utf8Slice(start, end));
  if (contentType === undefined) return parsed(buffer, start, end) ?? Buffer.from(buffer.subarray(start, end));
  const mediaType = contentType.split(";", 1)[0].trim().toLowerCase();
  if (mediaType === "application/json" || mediaType.endsWith("+json")) return JSON.parse(buffer.utf8Slice(start, end));
  if (mediaType.startsWith("text/")) return buffer.utf8Slice(start, end);
  if (mediaType === "application/x-www-form-urlencoded") {
    // What `curl -d '{…}'` declares when nobody tells it otherwise.
    const text = buffer.utf8Slice(start, end);
    return /^\s*[[{]/.test(text) ? (parseOr(text) ?? text) : text;
  }
  return Buffer.from(buffer.subarray(start, end));
}

/** The value of a body that says nothing about itself, when it is JSON; undefined otherwise. */
function parsed(buffer, start, end) {
  const first = buffer[start];
  // Whitespace, quote, minus, digits, [, f, n, t, {: anything else cannot begin JSON, and most bytes do not.
  const mayBegin = first <= 0x20 || first === 0x22 || first === 0x2d || (first >= 0x30 && first <= 0x39) || first === 0x5b;
  if (!mayBegin && first !== 0x7b && first !== 0x66 && first !== 0x6e && first !== 0x74) return undefined;
  const text = buffer.utf8Slice(start, end);
  // Bytes that are no UTF-8 were replaced: then it is not text, whatever it looks like.
  if (text.includes("\ufffd") && Buffer.byteLength(text) !== end - start) return undefined;
  return parseOr(text);
}

function parseOr(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

module.exports = { fieldOf, eventOf };
