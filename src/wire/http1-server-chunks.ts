import { Http1Error } from "./http1-error.ts";
import { garbage, headTooLarge, type RequestLimits } from "./http1-server-head.ts";

/** Who takes a body piece by piece; false: hold the rest back. */
export interface PieceTaker {
  piece(data: Buffer): boolean;
}

/** Size of a chunk, at most 2^48, and extensions in the grammar of RFC 9112 section 7.1.1, without blanks and escapes. */
const sizeLine =
  /^([0-9A-Fa-f]{1,12})((?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"[\t !#-[\]-~]*"))?)*)$/;
const trailerLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t\x20-\x7e\x80-\xff]*$/;
/** What would change the message that it ends (RFC 9110 section 6.5.1). */
const forbiddenTrailer = /^(?:content-length|transfer-encoding|connection|proxy-connection|host|upgrade|expect|trailer)$/i;

const extensionBytesMax = 256;
/** Of all chunks together: who sends more is not sending a body. */
const extensionBytesTotalMax = 16 * 1024;
const sizeLineBytesMax = 12 + extensionBytesMax + 2;

/**
 * Takes the chunks out of a chunked body; extensions are checked and dropped, trailers checked and kept. States: `size` a line with a size; `data`;
 * `data-end` the CRLF after data; `trailer` a line of the trailers; `done`.
 */
export class ChunkReader {
  /** Names and values by turns, as sent; all of them once it is done. */
  readonly trailers: string[] = [];
  readonly #limits: RequestLimits;
  #state: "size" | "data" | "data-end" | "trailer" | "done" = "size";
  /** Bytes of the chunk that are still to come. */
  #left = 0;
  /** The part of a line that has come. */
  #line = "";
  #extensionBytes = 0;
  #trailerBytes = 0;

  constructor(limits: RequestLimits) {
    this.#limits = limits;
  }

  get done(): boolean {
    return this.#state === "done";
  }

  /** Reads until the input or the body ends or the taker says no; returns where it stopped. Throws `Http1Error`. */
  read(data: Buffer, at: number, end: number, taker: PieceTaker): number {
    let i = at;
    while (i < end && this.#state !== "done") {
      if (this.#state !== "data") {
        i = this.#readLine(data, i, end);
        continue;
      }
      const stop = Math.min(end, i + this.#left);
      const piece = data.subarray(i, stop);
      this.#left -= stop - i;
      i = stop;
      if (this.#left === 0) this.#state = "data-end";
      if (!taker.piece(piece)) break;
    }
    return i;
  }

  #readLine(data: Buffer, at: number, end: number): number {
    const bytesMax = this.#lineBytesMax();
    const stop = Math.min(end, at + bytesMax - this.#line.length);
    const feed = data.subarray(at, stop).indexOf(10);
    const next = feed === -1 ? stop : at + feed + 1;
    this.#line += data.toString("latin1", at, next);
    if (feed === -1) {
      if (this.#line.length >= bytesMax) throw this.#tooLong();
      return next;
    }
    if (!this.#line.endsWith("\r\n")) throw garbage("a line of its chunks does not end with CRLF");
    const line = this.#line.slice(0, -2);
    this.#line = "";
    this.#takeLine(line);
    return next;
  }

  #takeLine(line: string): void {
    switch (this.#state) {
      case "size":
        return this.#takeSize(line);
      case "data-end":
        this.#state = "size";
        return;
      default:
        return this.#takeTrailer(line);
    }
  }

  #takeSize(line: string): void {
    const match = sizeLine.exec(line);
    if (match === null) throw badSize();
    this.#left = Number.parseInt(match[1] as string, 16);
    this.#extensionBytes += (match[2] as string).length;
    if (this.#extensionBytes > extensionBytesTotalMax) throw garbage("the extensions of its chunks are too long");
    this.#state = this.#left > 0 ? "data" : "trailer";
  }

  #takeTrailer(line: string): void {
    if (line === "") {
      this.#state = "done";
      return;
    }
    const name = trailerLine.exec(line)?.[1];
    if (name === undefined || forbiddenTrailer.test(name)) throw garbage("a trailer is malformed or must not be one");
    this.#trailerBytes += line.length + 2;
    this.trailers.push(name, line.slice(name.length + 1).replace(/^[ \t]+|[ \t]+$/g, ""));
    if (this.trailers.length > 2 * this.#limits.headerCountMax) {
      throw new Http1Error("head_too_large", `The request has more than ${this.#limits.headerCountMax} trailers`);
    }
  }

  #lineBytesMax(): number {
    if (this.#state === "size") return sizeLineBytesMax;
    return this.#state === "data-end" ? 2 : this.#limits.headerBytesMax - this.#trailerBytes;
  }

  #tooLong(): Http1Error {
    if (this.#state === "trailer") return headTooLarge(this.#limits);
    return this.#state === "size" ? badSize() : garbage("a chunk is longer than its size");
  }
}

const badSize = () => garbage("invalid chunk size or extension");
