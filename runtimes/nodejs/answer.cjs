"use strict";
const { setHeader } = require("./context.cjs");
const { pieceBytesMax } = require("./outlet.cjs");
const { headOf, Sender } = require("./sender.cjs");

const flagEnd = 1;
const nothing = Buffer.alloc(0);

/** Writes what the handler gave as the answer of its call. Throws when it cannot be written down. */
function sendAnswer(outlet, call, value) {
  if (value === undefined) return sendBytes(outlet, call, nothing, "");
  if (typeof value === "string") return sendText(outlet, call, value, "text/plain; charset=utf-8");
  if (ArrayBuffer.isView(value))
    return sendBytes(outlet, call, Buffer.from(value.buffer, value.byteOffset, value.byteLength), octets);
  if (value instanceof ArrayBuffer) return sendBytes(outlet, call, Buffer.from(value), octets);
  const stream = iteratorOf(value);
  if (stream !== undefined) return void sendStream(outlet, call, stream);
  const json = JSON.stringify(value);
  if (json === undefined) throw new TypeError(`The handler answered a ${typeof value}, which JSON cannot carry`);
  return sendText(outlet, call, json, "application/json");
}

/** Writes an error that the code meant as its answer (runtimes/README.md). Throws when it cannot be written down. */
function sendFailure(outlet, call, { status, message, code, details, headers }) {
  const body = JSON.stringify({ code: code ?? undefined, message, details: details ?? undefined });
  call.status = status;
  call.headers = null;
  for (const [name, value] of Object.entries(headers ?? {})) setHeader(call, name, value);
  sendText(outlet, call, body, "application/json");
}

function sendJson(outlet, call, json) {
  sendText(outlet, call, json, "application/json");
}

const octets = "application/octet-stream";

function sendText(outlet, call, text, contentType) {
  // A character has at most three bytes.
  const isShort = text.length * 3 <= call.credit;
  if (isShort && outlet.resultText(call.id, flagEnd, headOf(call, contentType), text, call.headers === null)) call.end();
  else sendBytes(outlet, call, Buffer.from(text), contentType);
}

function sendBytes(outlet, call, bytes, contentType) {
  if (bytes.length <= Math.min(pieceBytesMax, call.credit)) {
    outlet.result(call.id, flagEnd, headOf(call, contentType), bytes, 0, bytes.length);
    return call.end();
  }
  const sender = new Sender(outlet, call, contentType);
  call.stop = () => sender.pump();
  if (sender.send(bytes, true)) call.end();
  else sender.onceDone(() => call.end());
}

/** The iterator of a stream (Readable, web stream, generator), undefined for other values. */
function iteratorOf(value) {
  if (typeof value !== "object" || value === null) return undefined;
  if (typeof value[Symbol.asyncIterator] === "function") return value[Symbol.asyncIterator]();
  return typeof value.next === "function" && typeof value[Symbol.iterator] === "function" ? value[Symbol.iterator]() : undefined;
}

async function sendStream(outlet, call, iterator) {
  const sender = new Sender(outlet, call, octets);
  // Closing it wakes one that waits for data; the call ends when the code is done with closing.
  call.stop = () => void closeIterator(iterator).catch(() => {});
  try {
    while (!call.cancelled && !call.ended) {
      const { done, value } = await iterator.next();
      if (done) break;
      if (!sender.send(bytesOf(value), false)) await sent(sender);
    }
    if (call.cancelled) await closeIterator(iterator);
    if (call.ended) return;
    if (!sender.send(nothing, true)) await sent(sender);
    if (!call.ended) call.end();
  } catch (error) {
    call.fail(error);
  }
}

function sent(sender) {
  return new Promise((resolve) => sender.onceDone(resolve));
}

async function closeIterator(iterator) {
  await iterator.return?.();
}

function bytesOf(piece) {
  if (typeof piece === "string") return Buffer.from(piece);
  if (ArrayBuffer.isView(piece)) return Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
  throw new TypeError(`A stream that is the answer gives strings or bytes, not a value of type ${typeof piece}`);
}

module.exports = { sendAnswer, sendFailure, sendJson };
