import type { Duplex } from "node:stream";
import { flagEnd, frameHeadBytes, frameType } from "./frames.ts";

/** Bodies travel in pieces of at most this size, so that streams take turns on the connection. */
export const pieceBytesMax = 64 * 1024;
/** A piece up to this size is copied behind its head and written with it; a larger one goes as it is. */
const copiedBytesMax = 16 * 1024;
const slabBytes = 64 * 1024;

/** Waits for room on the connection. */
export interface RoomWaiter {
  /** There is room again. */
  pump(): void;
}

/** Writes frames of many streams. Those of one turn of the event loop gather in a slab and leave in one write. */
export class FrameWriter {
  readonly #connection: Duplex;
  /** What lies between `#written` and `#end` has not left yet. */
  #slab: Buffer = Buffer.alloc(0);
  #written = 0;
  #end = 0;
  #scheduled = false;
  #waiters = new Set<RoomWaiter>();

  constructor(connection: Duplex) {
    this.#connection = connection;
    connection.on("drain", () => this.#wake());
  }

  /** True while the other end reads slower than we write. */
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

  /** A frame with a head, as `docs/frames.md` has it, and the first piece of a body. A head that is text has no characters over 255. */
  headed(type: number, id: number, head: Buffer | string, piece: Buffer | null, last: boolean): void {
    const start = this.#begin(type, id, 4 + head.length, piece, last);
    this.#slab.writeUInt32BE(head.length, start);
    if (typeof head === "string") this.#slab.write(head, start + 4, "latin1");
    else this.#slab.set(head, start + 4);
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
    this.#slab.set(frame, start);
    this.#finish(null);
  }

  /** Writes what has gathered now. */
  flush(): void {
    if (this.#end === this.#written || this.#connection.destroyed) return;
    const data = this.#slab.subarray(this.#written, this.#end);
    this.#written = this.#end;
    this.#connection.write(data);
  }

  /** Reserves room for a frame, writes its head; gives where its payload begins: `ownBytes`, then the piece unless it is large. */
  #begin(type: number, id: number, ownBytes: number, piece: Buffer | null, last: boolean): number {
    const pieceBytes = piece === null ? 0 : piece.length;
    const start = this.#reserve(frameHeadBytes + ownBytes + (isCopied(piece) ? pieceBytes : 0));
    const slab = this.#slab;
    slab.writeUInt32BE(ownBytes + pieceBytes, start);
    slab.writeUInt32BE(id, start + 4);
    slab[start + 8] = type;
    slab[start + 9] = last ? flagEnd : 0;
    if (piece !== null && isCopied(piece)) slab.set(piece, this.#end - pieceBytes);
    return start + frameHeadBytes;
  }

  #reserve(bytes: number): number {
    if (this.#slab.length - this.#end < bytes) {
      this.flush();
      this.#slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, bytes));
      this.#written = 0;
      this.#end = 0;
    }
    const start = this.#end;
    this.#end += bytes;
    return start;
  }

  #finish(piece: Buffer | null): void {
    if (!isCopied(piece)) {
      if (this.#connection.destroyed) return;
      this.#connection.cork();
      this.flush();
      this.#connection.write(piece);
      this.#connection.uncork();
    } else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#flushLater);
    }
  }

  readonly #flushLater = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = new Set();
    for (const waiter of waiters) waiter.pump();
  }
}

function isCopied(piece: Buffer | null): boolean {
  return piece === null || piece.length <= copiedBytesMax;
}
