import type { Duplex } from "node:stream";
import { flagEnd, frameHeadBytes, frameType } from "../../wire/frames.ts";

/** Bodies travel in pieces of at most this size, so that calls take turns on the connection. */
export const pieceBytesMax = 64 * 1024;
/** A piece up to this size is copied behind its head and written with it; a larger one goes as it is. */
const copiedBytesMax = 16 * 1024;

/** Waits for room on the connection. */
export interface RoomWaiter {
  /** There is room again. */
  pump(): void;
}

const slabBytes = 64 * 1024;

/**
 * Writes the platform's frames. Where calls overlap, the frames of one turn of the event loop gather in a slab and leave in
 * one write; where they cannot, each leaves at once, and so does the first one of several: the code begins with it while the others gather.
 */
export class Outbox {
  readonly #connection: Duplex;
  readonly #joins: boolean;
  /** Where the frame at hand is written; in a slab, what lies between `#written` and `#end` has not left yet. */
  #buffer: Buffer = Buffer.alloc(0);
  #written = 0;
  #end = 0;
  #scheduled = false;
  #waiters = new Set<RoomWaiter>();
  /** No other call is open. */
  alone = false;

  constructor(connection: Duplex, joins: boolean) {
    this.#connection = connection;
    this.#joins = joins;
    connection.on("drain", () => this.#wake());
  }

  /** True while the code reads slower than we write. */
  get congested(): boolean {
    return this.#connection.writableNeedDrain;
  }

  /** `waiter` is called once when there is room. */
  waitForRoom(waiter: RoomWaiter): void {
    this.#waiters.add(waiter);
  }

  stopWaiting(waiter: RoomWaiter): void {
    this.#waiters.delete(waiter);
  }

  /** A `call` frame: head, given as its text in ASCII and the rest of its lines, and first piece of the body. */
  call(id: number, fields: string, lines: Buffer, piece: Buffer | null, last: boolean): void {
    const headBytes = fields.length + lines.length;
    const start = this.#begin(frameType.call, id, 4 + headBytes, piece, last);
    const buffer = this.#buffer;
    buffer.writeUInt32BE(headBytes, start);
    buffer.write(fields, start + 4, "latin1");
    buffer.set(lines, start + 4 + fields.length);
    this.#finish(piece);
  }

  /** A `body` frame. */
  body(id: number, piece: Buffer | null, last: boolean): void {
    this.#begin(frameType.body, id, 0, piece, last);
    this.#finish(piece);
  }

  /** A small frame as it is. */
  write(frame: Buffer): void {
    const start = this.#reserve(frame.length);
    this.#buffer.set(frame, start);
    this.#finish(null);
  }

  /** Reserves room for a frame, writes its head; gives where its payload begins: `ownBytes`, then the piece unless it is large. */
  #begin(type: number, id: number, ownBytes: number, piece: Buffer | null, last: boolean): number {
    const pieceBytes = piece === null ? 0 : piece.length;
    const start = this.#reserve(frameHeadBytes + ownBytes + (isCopied(piece) ? pieceBytes : 0));
    const buffer = this.#buffer;
    buffer.writeUInt32BE(ownBytes + pieceBytes, start);
    buffer.writeUInt32BE(id, start + 4);
    buffer[start + 8] = type;
    buffer[start + 9] = last ? flagEnd : 0;
    if (piece !== null && isCopied(piece)) buffer.set(piece, this.#end - pieceBytes);
    return start + frameHeadBytes;
  }

  #reserve(bytes: number): number {
    if (!this.#joins) {
      this.#buffer = Buffer.allocUnsafe(bytes);
      this.#written = 0;
      this.#end = 0;
    } else if (this.#buffer.length - this.#end < bytes) {
      this.#flush();
      this.#buffer = Buffer.allocUnsafeSlow(Math.max(slabBytes, bytes));
      this.#written = 0;
      this.#end = 0;
    }
    const start = this.#end;
    this.#end += bytes;
    return start;
  }

  #finish(piece: Buffer | null): void {
    if (!isCopied(piece)) {
      this.#connection.cork();
      this.#flush();
      this.#connection.write(piece);
      this.#connection.uncork();
    } else if (!this.#joins || (this.alone && !this.#scheduled)) this.#flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#flush();
      });
    }
  }

  #flush(): void {
    if (this.#end === this.#written || this.#connection.destroyed) return;
    const data =
      this.#written === 0 && this.#end === this.#buffer.length ? this.#buffer : this.#buffer.subarray(this.#written, this.#end);
    this.#written = this.#end;
    this.#connection.write(data);
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = new Set();
    for (const waiter of waiters) waiter.pump();
  }
}

function isCopied(piece: Buffer | null): boolean {
  return piece === null || piece.length <= copiedBytesMax;
}
