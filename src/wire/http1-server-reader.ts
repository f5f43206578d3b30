import { ChunkReader, type PieceTaker } from "./http1-server-chunks.ts";
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
  /** What has come and was not read: from `#at` up to `#end`. */
  #data: Buffer = nothing;
  #at = 0;
  #end = 0;
  /** `#data` is ours and may be appended to; pieces handed out before `#at` stay as they are. */
  #owned = false;
  /** Bytes of an incomplete head that were looked at. */
  #checked = 0;
  #skippedBlank = false;
  #headAt = 0;
  #left = 0;
  #chunks: ChunkReader | null = null;
  /** The last head and its bytes: most clients send the same again, which then costs one comparison. */
  #lastBytes: Buffer | null = null;
  #lastHead: RequestHead | null = null;

  constructor(limits: RequestLimits) {
    this.#limits = limits;
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
    const held = this.#end - this.#at;
    if (held === 0) {
      this.#data = data;
      this.#at = 0;
      this.#end = data.length;
      this.#owned = false;
      return;
    }
    if (!this.#owned || this.#data.length - this.#end < data.length) this.#move(held, data.length);
    data.copy(this.#data, this.#end);
    this.#end += data.length;
  }

  /** The next head as soon as it is whole; the body before it has to be complete. Throws `Http1Error`. */
  head(): RequestHead | undefined {
    if (!this.#skipBlankLine()) return undefined;
    const last = this.#lastBytes;
    if (last !== null && this.#startsWith(last)) return this.#begin(last.length, this.#lastHead as RequestHead);
    const length = this.#headLength();
    if (length > this.#limits.headerBytesMax || (length === 0 && this.held >= this.#limits.headerBytesMax)) {
      throw headTooLarge(this.#limits);
    }
    if (length === 0) {
      this.#checkPart();
      return undefined;
    }
    const head = parseRequestHead(this.#data.toString("latin1", this.#at, this.#at + length - 2), this.#limits);
    if (length <= rememberedBytesMax) {
      this.#lastBytes = Buffer.from(this.#data.subarray(this.#at, this.#at + length));
      this.#lastHead = head;
    }
    return this.#begin(length, head);
  }

  /** Hands on what has come of the body until the taker says no. True once it is complete. Throws `Http1Error`. */
  readBody(taker: PieceTaker): boolean {
    if (this.#chunks !== null) {
      this.#at = this.#chunks.read(this.#data, this.#at, this.#end, taker);
      return this.#chunks.done;
    }
    const bytes = Math.min(this.#left, this.#end - this.#at);
    if (bytes > 0) {
      const piece = this.#data.subarray(this.#at, this.#at + bytes);
      this.#at += bytes;
      this.#left -= bytes;
      taker.piece(piece);
    }
    return this.#left === 0;
  }

  /** Everything from the last head on, for another reader. Only while nothing of its body was read. */
  takeBack(): Buffer {
    return this.#data.subarray(this.#headAt, this.#end);
  }

  #begin(bytes: number, head: RequestHead): RequestHead {
    this.#headAt = this.#at;
    this.#at += bytes;
    this.#checked = 0;
    this.#skippedBlank = false;
    this.#chunks = head.framing === chunkedFraming ? new ChunkReader(this.#limits) : null;
    this.#left = Math.max(0, head.framing);
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
