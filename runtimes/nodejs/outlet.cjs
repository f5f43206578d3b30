"use strict";
const { writeSync } = require("node:fs");
const { writeU32 } = require("./bytes.cjs");

const headBytes = 10;
const slabBytes = 128 * 1024;
/** Bodies are cut into pieces of this size, so that calls take turns on the connection. */
const pieceBytesMax = 64 * 1024;
/** Pieces of streams that are nearer to each other than this leave together where one turn writes them. */
const joinedMsMax = 1;

/**
 * Writes frames. They gather in one slab of memory and leave in one write per turn of the event loop (at once when calls
 * cannot overlap). The write is a synchronous one on the descriptor: cheaper than the stream's, and what it took
 * survives `process.exit()` and a crash. Only what the kernel has no room for goes through the stream and its queue.
 */
class Outlet {
  #socket;
  #descriptor = -1;
  #slab = Buffer.allocUnsafeSlow(slabBytes);
  #end = 0;
  #scheduled = false;
  #soonAt = 0;
  /** The buffer that libuv is writing, and those that wait behind it. */
  #inFlight = null;
  #backlog = [];
  #drained = [];

  constructor(socket) {
    this.#socket = socket;
  }

  /** To be called once the socket is connected. */
  open() {
    // In Deno it is a number of its own.
    this.#descriptor = process.versions.deno === undefined ? (this.#socket._handle?.fd ?? -1) : -1;
  }

  /** What is written is out before anything else happens. */
  get isDirect() {
    return this.#descriptor >= 0;
  }

  /** To be called when the connection is gone: its descriptor may soon be another file's. */
  close() {
    this.#descriptor = -1;
  }

  /** True while the platform reads slower than we write. */
  get congested() {
    return this.#inFlight !== null;
  }

  /** Calls `run` once when the platform has caught up. */
  onceDrained(run) {
    this.#drained.push(run);
  }

  json(type, id, value, flags = 0) {
    const text = Buffer.from(JSON.stringify(value));
    this.bytes(type, id, flags, text, 0, text.length);
  }

  /** A frame whose payload is a range of `source`, at most one piece. */
  bytes(type, id, flags, source, start, end) {
    const at = this.#frame(type, id, flags, end - start);
    source.copy(this.#slab, at, start, end);
  }

  /** A result frame: head and first piece of the body. */
  result(id, flags, head, source, start, end) {
    const at = this.#resultHead(id, flags, head, end - start);
    source.copy(this.#slab, at, start, end);
    this.#end = at + end - start;
  }

  /**
   * A result frame with a short text as its whole body; false when it is too long for that. `plain`: a character of the head is a byte. Both are
   * written at once, as each text by itself is a way out of JavaScript and back.
   */
  resultText(id, flags, head, text, plain) {
    if (text.length * 3 > pieceBytesMax) return false;
    const start = this.#reserve(headBytes + 4 + (head.length + text.length) * 3);
    const at = start + headBytes;
    const bytes = this.#slab.utf8Write(head + text, at + 4);
    writeU32(this.#slab, plain ? head.length : Buffer.byteLength(head), at);
    this.#head(start, 18, id, flags, 4 + bytes);
    this.#end = at + 4 + bytes;
    return true;
  }

  /** A log frame. Leaves at once: a line that was printed survives whatever the code does next. */
  log(id, stream, text) {
    const bytes = typeof text === "string" ? Buffer.from(text) : text;
    for (let start = 0; start < bytes.length; start += pieceBytesMax) {
      const end = Math.min(bytes.length, start + pieceBytesMax);
      const at = this.#frame(22, id, 0, 1 + end - start);
      this.#slab[at] = stream;
      bytes.copy(this.#slab, at + 1, start, end);
      this.flush(true);
    }
  }

  /** A credit frame: so many bytes more of the request are welcome. Leaves with what else is written in this turn. */
  credit(id, bytes) {
    const at = this.#frame(21, id, 0, 4);
    writeU32(this.#slab, bytes, at);
    this.schedule();
  }

  /** A cancel frame: no more of the request, please. */
  enough(id) {
    this.#frame(20, id, 0, 0);
    this.schedule();
  }

  /** Writes at the end of this turn, and at once where code does not let go of it: a piece of a stream never waits for the next. */
  soon() {
    const now = performance.now();
    if (now - this.#soonAt < joinedMsMax) return this.schedule();
    this.#soonAt = now;
    this.flush();
  }

  /** Writes at the end of this turn of the event loop. */
  schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  /** Writes what has gathered. `patient`: rather blocks than queues, as a pipe would. */
  flush(patient = false) {
    const end = this.#end;
    if (end === 0) return;
    this.#end = 0;
    const written = this.#inFlight === null ? this.#write(this.#slab, end, patient ? 5_000 : 0) : 0;
    if (written < end) this.#queue(Buffer.from(this.#slab.subarray(written, end)));
  }

  /** Before the process ends: writes everything, waiting for the platform up to a second. */
  flushNow() {
    if (this.#descriptor < 0) return;
    if (this.#inFlight !== null) {
      const unwritten = this.#socket._handle?.writeQueueSize ?? 0;
      this.#backlog.unshift(this.#inFlight.subarray(this.#inFlight.length - unwritten));
    }
    this.#backlog.push(Buffer.from(this.#slab.subarray(0, this.#end)));
    this.#end = 0;
    for (const data of this.#backlog) if (this.#write(data, data.length, 1_000) < data.length) return;
  }

  #frame(type, id, flags, payloadBytes) {
    const start = this.#reserve(headBytes + payloadBytes);
    this.#head(start, type, id, flags, payloadBytes);
    this.#end = start + headBytes + payloadBytes;
    return start + headBytes;
  }

  #resultHead(id, flags, head, bodyBytesMax) {
    const headMax = head.length * 3;
    const start = this.#reserve(headBytes + 4 + headMax + bodyBytesMax);
    const bytes = this.#slab.utf8Write(head, start + headBytes + 4);
    writeU32(this.#slab, bytes, start + headBytes);
    this.#head(start, 18, id, flags, 4 + bytes + bodyBytesMax);
    return start + headBytes + 4 + bytes;
  }

  #head(start, type, id, flags, payloadBytes) {
    const slab = this.#slab;
    writeU32(slab, payloadBytes, start);
    writeU32(slab, id, start + 4);
    slab[start + 8] = type;
    slab[start + 9] = flags;
  }

  #reserve(bytes) {
    if (this.#end + bytes > this.#slab.length) {
      this.flush();
      if (bytes > this.#slab.length) this.#slab = Buffer.allocUnsafeSlow(bytes * 2);
    }
    return this.#end;
  }

  /** Writes the first bytes of it. Returns how many were written; waits for room up to `patienceMs`. */
  #write(data, bytes, patienceMs) {
    if (this.#descriptor < 0) return 0;
    let written = 0;
    let waitedMs = 0;
    while (written < bytes) {
      try {
        written += writeSync(this.#descriptor, data, written, bytes - written);
      } catch (error) {
        if (error.code !== "EAGAIN") return bytes; // The connection is gone; its close event ends the process.
        if (waitedMs++ >= patienceMs) break;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      }
    }
    return written;
  }

  #queue(data) {
    this.#backlog.push(data);
    if (this.#inFlight === null) this.#next();
  }

  #next() {
    const data = this.#backlog.length === 1 ? this.#backlog[0] : Buffer.concat(this.#backlog);
    this.#backlog = [];
    this.#inFlight = data;
    this.#socket.write(data, () => {
      this.#inFlight = null;
      if (this.#backlog.length > 0) this.#next();
      else this.#wake();
    });
  }

  #wake() {
    const waiting = this.#drained;
    this.#drained = [];
    for (const run of waiting) run();
  }
}

module.exports = { pieceBytesMax, Outlet };
