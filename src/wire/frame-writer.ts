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

/** A head that is text alone has these behind it. */
export const noBytes = Buffer.alloc(0);

/**
 * Writes frames of many streams. Where streams overlap, the frames of one turn of the event loop gather in a slab and leave in one write;
 * where they cannot, each leaves at once, and so does the first one of several where `alone` says so: the other end begins with it while the
 * others gather.
 */
export class FrameWriter {
  /** No other stream is open: a frame need not wait for company. */
  alone = false;
  readonly #connection: Duplex;
  readonly #joins: boolean;
  /** Where the frame at hand is written; in a slab, what lies between `#written` and `#end` has not left yet. */
  #slab: Buffer = noBytes;
  #written = 0;
  #end = 0;
  #scheduled = false;
  #waiters = new Set<RoomWaiter>();

  constructor(connection: Duplex, joins = true) {
    this.#connection = connection;
    this.#joins = joins;
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

  /**
   * A frame with a head, as `docs/frames.md` has it, and the first piece of a body. The head is `text`, which has no characters over 255, and the
   * bytes that follow it.
   */
  headed(type: number, id: number, text: string, bytes: Buffer, piece: Buffer | null, last: boolean): void {
    const headBytes = text.length + bytes.length;
    const start = this.#begin(type, id, 4 + headBytes, piece, last);
    const slab = this.#slab;
    slab.writeUInt32BE(headBytes, start);
    slab.write(text, start + 4, "latin1");
    slab.set(bytes, start + 4 + text.length);
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
    const isWhole = this.#written === 0 && this.#end === this.#slab.length;
    const data = isWhole ? this.#slab : this.#slab.subarray(this.#written, this.#end);
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
    if (!this.#joins) this.#startAt(Buffer.allocUnsafe(bytes));
    else if (this.#slab.length - this.#end < bytes) {
      this.flush();
      this.#startAt(Buffer.allocUnsafeSlow(Math.max(slabBytes, bytes)));
    }
    const start = this.#end;
    this.#end += bytes;
    return start;
  }

  #startAt(slab: Buffer): void {
    this.#slab = slab;
    this.#written = 0;
    this.#end = 0;
  }

  #finish(piece: Buffer | null): void {
    if (!isCopied(piece)) {
      if (this.#connection.destroyed) return;
      this.#connection.cork();
      this.flush();
      this.#connection.write(piece);
      this.#connection.uncork();
    } else if (!this.#joins || (this.alone && !this.#scheduled)) this.flush();
    else if (!this.#scheduled) {
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
