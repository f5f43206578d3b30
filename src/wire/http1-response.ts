/**
 * Reads HTTP/1.1 answers (RFC 9112) and nothing else: heads, and bodies in the three framings. Strict where leniency has let
 * attackers in: one CRLF, one framing, one length, no control characters. Deliberately absent: sockets (`http1-client.ts`).
 */

import { Http1Error } from "./http1-error.ts";
import { areHeaders, splitHeaders, staysOpen } from "./http1-headers.ts";

export interface Http1Limits {
  /** The whole head, status line included; also all trailers of a chunked body. */
  readonly headerBytesMax: number;
  readonly headerCountMax: number;
}

/** Values of `Http1ResponseHead.framing` besides a length. */
export const framing = { chunked: -1, untilClose: -2 } as const;

export interface Http1ResponseHead {
  readonly status: number;
  /** Names and values by turns, as they came. Bytes over 127 are one character each (latin1). */
  readonly headers: readonly string[];
  /** Bytes of the body, or one of `framing`. */
  readonly framing: number;
  /** The connection can carry another exchange. */
  readonly keepAlive: boolean;
}

const statusLine = /^HTTP\/1\.([01]) ([1-5][0-9][0-9])(?: [\t\x20-\x7e\x80-\xff]*)?\r\n/;

/**
 * Parses a head that ends with the CRLF of its last line. `method` is the request's, for an answer to HEAD has no body.
 * Throws `Http1Error`.
 */
export function parseResponseHead(text: string, method: string, limits: Http1Limits): Http1ResponseHead {
  const line = statusLine.exec(text);
  if (line === null) throw new Http1Error("garbage", "The answer does not begin with a valid HTTP/1.1 status line");
  const start = line[0].length;
  if (!areHeaders(text, start)) throw new Http1Error("garbage", "A header of the answer is malformed");
  const headers = splitHeaders(text, start, limits.headerCountMax, "answer");
  return frame(Number(line[2]), line[1] === "1", headers, method);
}

/** RFC 9112 section 6.3. */
function frame(status: number, http11: boolean, headers: string[], method: string): Http1ResponseHead {
  let length = -1;
  let chunked = false;
  let connection = "";
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    // The length of the name first: most headers are then no candidate and need no copy in lower case.
    if (name.length === 14 && name.toLowerCase() === "content-length") length = contentLength(value, length);
    else if (name.length === 17 && name.toLowerCase() === "transfer-encoding") {
      if (chunked || value.toLowerCase() !== "chunked" || !http11) {
        throw new Http1Error("garbage", "The answer has a Transfer-Encoding other than chunked");
      }
      chunked = true;
    } else if (name.length === 10 && name.toLowerCase() === "connection") connection += `,${value}`;
  }
  if (chunked && length >= 0) throw new Http1Error("garbage", "The answer has both Content-Length and Transfer-Encoding");
  const bodyless = method === "HEAD" || status === 204 || status === 304 || status < 200;
  const bytes = bodyless ? 0 : chunked ? framing.chunked : length >= 0 ? length : framing.untilClose;
  return { status, headers, framing: bytes, keepAlive: bytes !== framing.untilClose && staysOpen(http11, connection) };
}

function contentLength(value: string, known: number): number {
  if (!/^[0-9]{1,15}$/.test(value)) throw new Http1Error("garbage", "The Content-Length of the answer is not a length");
  const length = Number(value);
  if (known >= 0 && known !== length) throw new Http1Error("garbage", "The answer has two different Content-Lengths");
  return length;
}

/**
 * The last head that came over a connection, parsed. A server's answers begin alike as long as its clock shows the same second, and to see
 * that costs a tenth of reading one.
 */
export class KnownHead {
  readonly #limits: Http1Limits;
  #text = "";
  #method = "";
  #head: Http1ResponseHead | null = null;

  constructor(limits: Http1Limits) {
    this.#limits = limits;
  }

  /** Whether the data from `at` on begins with this head, for an answer to the same method. */
  begins(data: Buffer, at: number, method: string): boolean {
    if (this.#head === null || method !== this.#method || data.length - at < this.bytes) return false;
    return data.toString("latin1", at, at + this.bytes) === this.#text;
  }

  get head(): Http1ResponseHead {
    return this.#head as Http1ResponseHead;
  }

  /** Length with the empty line. */
  get bytes(): number {
    return this.#text.length;
  }

  /** As `parseResponseHead`, which it remembers. */
  learn(text: string, method: string): Http1ResponseHead {
    if (text.length > usualHeadBytes) return parseResponseHead(text, method, this.#limits);
    const head = sharedHead(text, method, this.#limits);
    if (head.status < 200) return head;
    this.#text = `${text}\r\n`;
    this.#method = method;
    this.#head = head;
    return head;
  }
}

interface SharedHead {
  readonly text: string;
  readonly method: string;
  readonly limits: Http1Limits;
  readonly parsed: Http1ResponseHead;
}

/**
 * Heads that came last over any connection. Sandboxes of one function answer alike, and an equal head is the same object for all of them, so that
 * whoever keeps what follows from it keeps it for all. A head's place follows from its length, and a later one takes it: nothing grows.
 */
const sharedHeads: (SharedHead | null)[] = Array.from({ length: 64 }, () => null);

function sharedHead(text: string, method: string, limits: Http1Limits): Http1ResponseHead {
  const place = text.length % sharedHeads.length;
  const last = sharedHeads[place] as SharedHead | null;
  if (last !== null && last.text === text && last.method === method && last.limits === limits) return last.parsed;
  const parsed = parseResponseHead(text, method, limits);
  sharedHeads[place] = { text, method, limits, parsed };
  return parsed;
}

/** Gathers a head that may come in any pieces. Work is linear in its bytes, however small the pieces. */
export class HeadReader {
  readonly #bytesMax: number;
  #buffer: Buffer | null = null;
  #length = 0;
  /** Position after what `read` took of its last input. */
  used = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Nothing of a head has come yet. */
  get empty(): boolean {
    return this.#length === 0;
  }

  /** The head with the CRLF of its last line as soon as it is whole; throws `Http1Error`. */
  read(data: Buffer, at: number): string | undefined {
    if (this.#length === 0) {
      const text = data.toString("latin1", at, Math.min(data.length, at + Math.min(this.#bytesMax, usualHeadBytes)));
      const end = text.indexOf("\r\n\r\n");
      if (end >= 0) {
        this.used = at + end + 4;
        return text.slice(0, end + 2);
      }
    }
    return this.#gather(data, at);
  }

  #gather(data: Buffer, at: number): string | undefined {
    const scanned = this.#length;
    const taken = Math.min(data.length - at, this.#bytesMax - scanned);
    const buffer = this.#room(scanned + taken);
    data.copy(buffer, scanned, at, at + taken);
    this.#length = scanned + taken;
    const end = this.#findEnd(buffer, scanned);
    if (end === 0) {
      if (this.#length === this.#bytesMax) {
        throw new Http1Error("head_too_large", `The head of the answer is larger than ${this.#bytesMax} bytes`);
      }
      this.used = data.length;
      return undefined;
    }
    this.used = at + end - scanned;
    this.#length = 0;
    return buffer.toString("latin1", 0, end - 2);
  }

  #room(bytes: number): Buffer {
    const old = this.#buffer;
    if (old !== null && old.length >= bytes) return old;
    const grown = Buffer.allocUnsafeSlow(Math.max(1024, 2 * bytes));
    old?.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
    return grown;
  }

  /** Position after the empty line, or 0. Garbage is refused at its first byte, not when the peer cares to send more. */
  #findEnd(buffer: Buffer, from: number): number {
    for (let i = from; i < this.#length; i++) {
      const byte = buffer[i] as number;
      if (i < protocolName.length && byte !== protocolName.charCodeAt(i)) {
        throw new Http1Error("garbage", "The answer does not begin with a valid HTTP/1.1 status line");
      }
      if (byte !== 10) continue;
      if (buffer[i - 1] !== 13) throw new Http1Error("garbage", "A line in the head of the answer does not end with CRLF");
      if (buffer[i - 2] === 10) return i + 1;
    }
    return 0;
  }
}

const protocolName = "HTTP/1.";

/** Heads up to here are read without a copy. */
const usualHeadBytes = 4096;

/** The body of a chunked answer where all of it is here, in one chunk, and nothing behind it. Most are; the others are decoded. */
export function onlyChunk(data: Buffer, at: number): Buffer | undefined {
  let bytes = 0;
  let i = at;
  for (let digit = hexDigit(data[i] ?? 0); digit >= 0 && i - at < sizeDigitsMax; digit = hexDigit(data[++i] ?? 0)) {
    bytes = bytes * 16 + digit;
  }
  const end = i + 2 + bytes;
  if (bytes === 0 || end + lastChunk.length !== data.length || data[i] !== 13 || data[i + 1] !== 10) return undefined;
  for (let k = 0; k < lastChunk.length; k++) if (data[end + k] !== lastChunk[k]) return undefined;
  return data.subarray(i + 2, end);
}

/** The end of a chunk, and the chunk that ends the body. */
const lastChunk = Buffer.from("\r\n0\r\n\r\n", "latin1");

/** Takes a piece of a body; false: hold the rest back. */
export type PieceSink = (data: Buffer) => boolean;

/** Digits of a chunk's size: 2^48 bytes are more than anybody sends. */
const sizeDigitsMax = 12;
const extensionBytesMax = 256;

/**
 * Takes the chunks out of a chunked body (RFC 9112 section 7.1); extensions and trailers are checked and dropped. States:
 * `size` digits of a size; `extension` up to its CR; `size-lf`; `data`; `data-cr`, `data-lf` the CRLF after data; `trailer`
 * inside a trailer line; `trailer-lf`; `done`.
 */
export class ChunkedDecoder {
  #state: "size" | "extension" | "size-lf" | "data" | "data-cr" | "data-lf" | "trailer" | "trailer-lf" | "done" = "size";
  #left = 0;
  #digits = 0;
  #extensionBytes = 0;
  #trailerBytes = 0;
  #trailerLineBytes = 0;
  readonly #trailerBytesMax: number;

  constructor(trailerBytesMax: number) {
    this.#trailerBytesMax = trailerBytesMax;
  }

  get done(): boolean {
    return this.#state === "done";
  }

  /** Reads from `at` until the input or the body ends or `piece` says false; returns where it stopped. Throws `Http1Error`. */
  decode(data: Buffer, at: number, piece: PieceSink): number {
    let i = at;
    while (i < data.length && this.#state !== "done") {
      if (this.#state !== "data") {
        this.#byte(data[i] as number);
        i++;
        continue;
      }
      const end = Math.min(data.length, i + this.#left);
      const part = data.subarray(i, end);
      this.#left -= end - i;
      i = end;
      if (this.#left === 0) this.#state = "data-cr";
      if (!piece(part)) break;
    }
    return i;
  }

  #byte(byte: number): void {
    switch (this.#state) {
      case "size":
        return this.#sizeByte(byte);
      case "extension":
        if (byte === 13) this.#state = "size-lf";
        else if (!isText(byte) || ++this.#extensionBytes > extensionBytesMax) throw badChunk();
        return;
      case "size-lf":
        if (byte !== 10) throw badChunk();
        this.#state = this.#left > 0 ? "data" : "trailer";
        this.#digits = 0;
        this.#extensionBytes = 0;
        return;
      case "data-cr":
        if (byte !== 13) throw badChunk();
        this.#state = "data-lf";
        return;
      case "data-lf":
        if (byte !== 10) throw badChunk();
        this.#state = "size";
        return;
      default:
        return this.#trailerByte(byte);
    }
  }

  #sizeByte(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      if (++this.#digits > sizeDigitsMax) throw badChunk();
      this.#left = this.#left * 16 + digit;
      return;
    }
    if (this.#digits === 0) throw badChunk();
    if (byte === 13) this.#state = "size-lf";
    else if (byte === 59) this.#state = "extension";
    else throw badChunk();
  }

  #trailerByte(byte: number): void {
    if (++this.#trailerBytes > this.#trailerBytesMax) {
      throw new Http1Error("head_too_large", `The trailers of the answer are larger than ${this.#trailerBytesMax} bytes`);
    }
    if (this.#state === "trailer-lf") {
      if (byte !== 10) throw badChunk();
      this.#state = this.#trailerLineBytes === 0 ? "done" : "trailer";
      this.#trailerLineBytes = 0;
    } else if (byte === 13) this.#state = "trailer-lf";
    else if (isText(byte)) this.#trailerLineBytes++;
    else throw badChunk();
  }
}

const badChunk = () => new Http1Error("garbage", "The chunked body of the answer is malformed");

const isText = (byte: number) => byte === 9 || (byte >= 32 && byte !== 127);

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
