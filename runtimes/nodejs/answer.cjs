"use strict";
const { setHeader } = require("./context.cjs");
const { pieceBytesMax } = require("./outlet.cjs");

const bodyType = 17;
const flagEnd = 1;
const nothing = Buffer.alloc(0);

/** Writes what the handler gave as the answer of its call. Throws when it cannot be written down. */
function sendAnswer(outlet, call, value) {
  if (value === undefined) return sendBytes(outlet, call, headOf(call, ""), nothing);
  if (typeof value === "string") return sendText(outlet, call, headOf(call, "text/plain; charset=utf-8"), value);
  if (ArrayBuffer.isView(value))
    return sendBytes(outlet, call, headOf(call, octets), Buffer.from(value.buffer, value.byteOffset, value.byteLength));
  if (value instanceof ArrayBuffer) return sendBytes(outlet, call, headOf(call, octets), Buffer.from(value));
  const stream = iteratorOf(value);
  if (stream !== undefined) return void sendStream(outlet, call, stream);
  const json = JSON.stringify(value);
  if (json === undefined) throw new TypeError(`The handler answered a ${typeof value}, which JSON cannot carry`);
  return sendText(outlet, call, headOf(call, "application/json"), json);
}

/** Writes an error that the code meant as its answer (runtimes/README.md). Throws when it cannot be written down. */
function sendFailure(outlet, call, { status, message, code, details, headers }) {
  const body = JSON.stringify({ code: code ?? undefined, message, details: details ?? undefined });
  call.status = status;
  call.headers = null;
  for (const [name, value] of Object.entries(headers ?? {})) setHeader(call, name, value);
  sendText(outlet, call, headOf(call, "application/json"), body);
}

const octets = "application/octet-stream";

function headOf(call, contentType) {
  const type = contentType === "" || call.headers?.has("content-type") ? "" : `content-type:${contentType}\n`;
  if (call.status === 0 && call.headers === null) return type;
  let head = call.status === 0 ? type : `:status:${call.status}\n${type}`;
  for (const [name, values] of call.headers ?? []) for (const value of values) head += `${name}:${value}\n`;
  return head;
}

function sendText(outlet, call, head, text) {
  if (outlet.resultText(call.id, flagEnd, head, text)) call.end();
  else sendBytes(outlet, call, head, Buffer.from(text));
}

function sendBytes(outlet, call, head, bytes) {
  const first = Math.min(bytes.length, pieceBytesMax);
  outlet.result(call.id, first === bytes.length ? flagEnd : 0, head, bytes, 0, first);
  if (first === bytes.length) return call.end();
  call.stop = () => {
    outlet.bytes(bodyType, call.id, flagEnd, nothing, 0, 0);
    call.end();
  };
  let start = first;
  const goOn = () => {
    while (!call.ended && start < bytes.length) {
      if (outlet.congested) return outlet.onceDrained(goOn);
      const end = Math.min(bytes.length, start + pieceBytesMax);
      outlet.bytes(bodyType, call.id, end === bytes.length ? flagEnd : 0, bytes, start, end);
      outlet.flush();
      start = end;
    }
    if (!call.ended) call.end();
  };
  outlet.flush();
  goOn();
}

/** The iterator of a stream (Readable, web stream, generator), undefined for other values. */
function iteratorOf(value) {
  if (typeof value !== "object" || value === null) return undefined;
  if (typeof value[Symbol.asyncIterator] === "function") return value[Symbol.asyncIterator]();
  return typeof value.next === "function" && typeof value[Symbol.iterator] === "function" ? value[Symbol.iterator]() : undefined;
}

/** The head waits for the first piece: what the code throws or sets before it still shows in the head. */
async function sendStream(outlet, call, iterator) {
  let begun = false;
  const send = (flags, bytes, start, end) => {
    if (begun) outlet.bytes(bodyType, call.id, flags, bytes, start, end);
    else outlet.result(call.id, flags, headOf(call, octets), bytes, start, end);
    begun = true;
  };
  // Closing it wakes one that waits for data; the call ends when the code is done with closing.
  call.stop = () => void closeIterator(iterator).catch(() => {});
  try {
    if (call.cancelled) await closeIterator(iterator);
    while (!call.cancelled && !call.ended) {
      const { done, value } = await iterator.next();
      if (done) break;
      const bytes = bytesOf(value);
      for (let start = 0; start < bytes.length && !call.cancelled && !call.ended; start += pieceBytesMax) {
        send(0, bytes, start, Math.min(bytes.length, start + pieceBytesMax));
        outlet.flush();
        if (outlet.congested) await new Promise((resolve) => outlet.onceDrained(resolve));
      }
    }
    if (call.cancelled) await closeIterator(iterator);
    if (call.ended) return;
    send(flagEnd, nothing, 0, 0);
    call.end();
  } catch (error) {
    if (begun || !call.deliberate(error)) call.fail(error);
  }
}

async function closeIterator(iterator) {
  await iterator.return?.();
}

function bytesOf(piece) {
  if (typeof piece === "string") return Buffer.from(piece);
  if (ArrayBuffer.isView(piece)) return Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
  throw new TypeError(`A stream that is the answer gives strings or bytes, not a value of type ${typeof piece}`);
}

module.exports = { sendAnswer, sendFailure };
