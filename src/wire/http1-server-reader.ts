import { ChunkReader, type PieceTaker } from "./http1-server-chunks.ts";
import type { HeadTable } from "./http1-head-table.ts";
import {
  chunkedFraming,
  garbage,
  headTooLarge,
  parseRequestHead,
  type RequestHead,
  type RequestLimits,
} from "./http1-server-head.ts";

/**
 * Reads the requests of one connection out of its bytes: `head`, then `readBody` until it is complete, then `head` again. It pulls:
 * nothing is parsed before it is asked for, so who is busy simply does not ask. Work is linear in the bytes, however small
 * the pieces. Deliberately absent: sockets, time, and a limit on what is given and not asked for.
 */
export class RequestReader {
  readonly #limits: RequestLimits;
  readonly #table: HeadTable | null;
  /** What has come and was not read: from `#at` up to `#end`. */
  #data: Buffer = nothing;
  #at = 0;
  #end = 0;
  /** `#data` is ours and may be appended to; pieces handed out before `#at` stay as they are. */
  #owned = false;
  /** `#data` is somebody else's and will soon hold other bytes. */
  #lent = false;
  /** Bytes of an incomplete head that were looked at. */
  #checked = 0;
  #skippedBlank = false;
  #headAt = 0;
  #left = 0;
  /** Something of the body was read. */
  #partRead = false;
  #chunks: ChunkReader | null = null;
  /** The last head and its bytes: most clients send the same again, which then costs one comparison. */
  #lastBytes: Buffer | null = null;
  #lastHead: RequestHead | null = null;
  /** It is the object that all have. */
  #lastShared = false;

  /** `table`: heads that other readers have met, too. */
  constructor(limits: RequestLimits, table: HeadTable | null = null) {
    this.#limits = limits;
    this.#table = table;
  }

  /** Bytes that have come and were not read. */
  get held(): number {
    return this.#end - this.#at;
  }

  /** The whole body was read, or there is none. */
  get bodyComplete(): boolean {
    return this.#chunks === null ? this.#left === 0 : this.#chunks.done;
  }

  /** Takes bytes off the wire. They are not to be changed afterwards. */
  give(data: Buffer): void {
    if (this.held === 0) this.#take(data, data.length, false);
    else this.#append(data, data.length);
  }

  /** Takes the first bytes of a buffer that will be used for others: until then `settle` is to be called. */
  lend(data: Buffer, bytes: number): void {
    if (this.held === 0) this.#take(data, bytes, true);
    else this.#append(data, bytes);
  }

  /** Copies what is left of bytes that were lent. */
  settle(): void {
    if (!this.#lent) return;
    this.#lent = false;
    const held = this.held;
    this.#data = held === 0 ? nothing : Buffer.from(this.#data.subarray(this.#at, this.#end));
    this.#at = 0;
    this.#end = held;
  }

  #take(data: Buffer, bytes: number, lent: boolean): void {
    this.#data = data;
    this.#at = 0;
    this.#end = bytes;
    this.#owned = false;
    this.#lent = lent;
  }

  #append(data: Buffer, bytes: number): void {
    if (!this.#owned || this.#data.length - this.#end < bytes) this.#move(this.held, bytes);
    data.copy(this.#data, this.#end, 0, bytes);
    this.#end += bytes;
  }

  /** The next head as soon as it is whole; the body before it has to be complete. Throws `Http1Error`. */
  head(): RequestHead | undefined {
    if (!this.#skipBlankLine()) return undefined;
    const last = this.#lastBytes;
    if (last !== null && this.#startsWith(last)) return this.#begin(last.length, this.#again(last.length));
    const length = this.#headLength();
    if (length > this.#limits.headerBytesMax || (length === 0 && this.held >= this.#limits.headerBytesMax)) {
      throw headTooLarge(this.#limits);
    }
    if (length === 0) {
      this.#checkPart();
      return undefined;
    }
    const head = this.#headOf(length);
    if (length <= rememberedBytesMax) {
      this.#lastBytes = Buffer.from(this.#data.subarray(this.#at, this.#at + length));
      this.#lastHead = head;
      this.#lastShared = false;
    }
    return this.#begin(length, head);
  }

  /** What came behind the chunks of a body that is complete: names and values by turns. */
  get trailers(): readonly string[] {
    return this.#chunks?.trailers ?? [];
  }

  /** All that is left of the body has come. In chunks that is known only once it was read. */
  get bodyArrived(): boolean {
    return this.#chunks === null ? this.#left <= this.held : this.#chunks.done;
  }

  /** The whole body where it is there and none of it was read; null otherwise. */
  takeBody(): Buffer | null {
    if (this.#chunks !== null || this.#left === 0 || this.#left > this.held || this.#partRead) return null;
    const body = this.#kept(this.#at, this.#at + this.#left);
    this.#at += this.#left;
    this.#left = 0;
    return body;
  }

  /** A part of what has come that stays as it is. */
  #kept(start: number, end: number): Buffer {
    if (!this.#lent) return this.#data.subarray(start, end);
    const copy = Buffer.allocUnsafe(end - start);
    this.#data.copy(copy, 0, start, end);
    return copy;
  }

  /** Hands on what has come of the body until the taker says no. True once it is complete. Throws `Http1Error`. */
  readBody(taker: PieceTaker): boolean {
    // Whoever takes a piece keeps it.
    this.settle();
    if (this.#chunks !== null) {
      this.#at = this.#chunks.read(this.#data, this.#at, this.#end, taker);
      return this.#chunks.done;
    }
    const bytes = Math.min(this.#left, this.#end - this.#at);
    if (bytes > 0) {
      const piece = this.#data.subarray(this.#at, this.#at + bytes);
      this.#at += bytes;
      this.#left -= bytes;
      this.#partRead = true;
      taker.piece(piece);
    }
    return this.#left === 0;
  }

  /** Everything from the last head on, for another reader. Only while nothing of its body was read. */
  takeBack(): Buffer {
    return this.#kept(this.#headAt, this.#end);
  }

  /** The last head once more; others may have met it, too. */
  #again(length: number): RequestHead {
    let head = this.#lastHead as RequestHead;
    if (this.#lastShared) return head;
    this.#lastShared = true;
    head = this.#table?.share(head, this.#data, this.#at, this.#at + length) ?? head;
    this.#lastHead = head;
    return head;
  }

  /** Of the next `length` bytes. */
  #headOf(length: number): RequestHead {
    const [start, end] = [this.#at, this.#at + length];
    const known = this.#table?.find(this.#data, start, end);
    if (known !== undefined) return known;
    const head = parseRequestHead(this.#data.toString("latin1", start, end - 2), this.#limits);
    this.#table?.add(head, this.#data, start, end);
    return head;
  }

  #begin(bytes: number, head: RequestHead): RequestHead {
    this.#headAt = this.#at;
    this.#at += bytes;
    this.#checked = 0;
    this.#skippedBlank = false;
    this.#chunks = head.framing === chunkedFraming ? new ChunkReader(this.#limits) : null;
    this.#left = Math.max(0, head.framing);
    this.#partRead = false;
    return head;
  }

  #startsWith(bytes: Buffer): boolean {
    const end = this.#at + bytes.length;
    return end <= this.#end && this.#data.compare(bytes, 0, bytes.length, this.#at, end) === 0;
  }

  /** Some clients end a body with an empty line (RFC 9112 section 2.2). False: nothing of a head has come. */
  #skipBlankLine(): boolean {
    if (this.#at === this.#end) return false;
    if (this.#data[this.#at] !== cr || this.#skippedBlank) return true;
    if (this.#end - this.#at < 2) return false;
    if (this.#data[this.#at + 1] !== lf) return true;
    this.#at += 2;
    this.#skippedBlank = true;
    return this.#at < this.#end;
  }

  /** With its empty line; 0 while that is missing. */
  #headLength(): number {
    const end = this.#data.indexOf(headEnd, this.#at + Math.max(0, this.#checked - 3));
    return end === -1 || end + 4 > this.#end ? 0 : end + 4 - this.#at;
  }

  /** Refuses garbage at its first byte, not when the client cares to send the end of a head. */
  #checkPart(): void {
    for (let i = this.#at + this.#checked; i < this.#end; i++) {
      const byte = this.#data[i] as number;
      if (i === this.#at && (byte < 65 || byte > 90)) throw garbage("its first line is malformed");
      if (byte === lf ? this.#data[i - 1] !== cr : i > this.#at && this.#data[i - 1] === cr) {
        throw garbage("a line of its head does not end with CRLF");
      }
      if ((byte < 32 && byte !== cr && byte !== lf && byte !== tab) || byte === 127) {
        throw garbage("its head has a control character");
      }
    }
    this.#checked = this.#end - this.#at;
  }

  #move(held: number, more: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(1024, 2 * (held + more)));
    this.#data.copy(grown, 0, this.#at, this.#end);
    this.#data = grown;
    this.#at = 0;
    this.#end = held;
    this.#owned = true;
  }
}

const nothing = Buffer.alloc(0);
const headEnd = Buffer.from("\r\n\r\n");
const tab = 9;
const lf = 10;
const cr = 13;

/** Larger heads are rare, and would be kept as long as their connection. */
const rememberedBytesMax = 2048;
