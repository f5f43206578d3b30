"use strict";
const { writeSync } = require("node:fs");

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
    this.#descriptor = this.#socket._handle?.fd ?? -1;
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

  /** A result frame with a short text as its whole body; false when it is too long for that. */
  resultText(id, flags, head, text) {
    if (text.length * 3 > pieceBytesMax) return false;
    const at = this.#resultHead(id, flags, head, text.length * 3);
    const bytes = this.#slab.write(text, at);
    this.#slab.writeUInt32BE(at + bytes - this.#end - headBytes, this.#end);
    this.#end = at + bytes;
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
    this.#slab.writeUInt32BE(bytes, at);
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
    if (this.#end === 0) return;
    const data = this.#slab.subarray(0, this.#end);
    this.#end = 0;
    const written = this.#inFlight === null ? this.#write(data, patient ? 5_000 : 0) : 0;
    if (written < data.length) this.#queue(Buffer.from(data.subarray(written)));
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
    for (const data of this.#backlog) if (this.#write(data, 1_000) < data.length) return;
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
    const bytes = this.#slab.write(head, start + headBytes + 4);
    this.#slab.writeUInt32BE(bytes, start + headBytes);
    this.#head(start, 18, id, flags, 4 + bytes + bodyBytesMax);
    return start + headBytes + 4 + bytes;
  }

  #head(start, type, id, flags, payloadBytes) {
    const slab = this.#slab;
    slab.writeUInt32BE(payloadBytes, start);
    slab.writeUInt32BE(id, start + 4);
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

  /** Returns how much was written; waits for room up to `patienceMs`. */
  #write(data, patienceMs) {
    if (this.#descriptor < 0) return 0;
    let written = 0;
    let waitedMs = 0;
    while (written < data.length) {
      try {
        written += writeSync(this.#descriptor, data, written, data.length - written);
      } catch (error) {
        if (error.code !== "EAGAIN") return data.length; // The connection is gone; its close event ends the process.
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
