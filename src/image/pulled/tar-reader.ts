/**
 * Reads tar archives piece by piece, as layers of images are: POSIX headers with PAX records, GNU long names and large numbers. Holds one header
 * and never a file. What is in an archive is nobody's we know: lengths are checked before anything is kept.
 */

/** What a header says. Names are as in the archive, whatever they mean. */
export interface TarEntry {
  readonly type: "file" | "folder" | "symbolic link" | "hard link" | "other";
  readonly path: string;
  /** Of a link; empty otherwise. */
  readonly target: string;
  readonly size: number;
  readonly mode: number;
  /** Seconds since the epoch. */
  readonly modifiedAt: number;
}

export interface TarSink {
  begin(entry: TarEntry): void;
  data(piece: Buffer): void;
  /** Of the entry begun last. */
  end(): void;
}

const blockBytes = 512;
/** Of extended headers, which are names; a longer one is no archive's of any use. */
const extensionBytesMax = 1024 * 1024;

/** Extended headers that stand before the one they are of. */
interface Extensions {
  path?: string;
  linkpath?: string;
  size?: number;
  mtime?: number;
}

/** Feeds a sink. Throws `Error` with a reason in a few words. */
export class TarReader {
  readonly #sink: TarSink;
  readonly #block = Buffer.alloc(blockBytes);
  #blockFilled = 0;
  /** Of the content that comes now, and of what fills its last block. */
  #left = 0;
  #padding = 0;
  /** Where an extended header's content goes; null: to the sink. */
  #extension: { readonly type: string; readonly bytes: Buffer; filled: number } | null = null;
  #inFile = false;
  #next: Extensions = {};
  #global: Extensions = {};
  #zeroBlocks = 0;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  /** Takes the next bytes. The sink must have done with a piece when it returns. */
  push(piece: Buffer): void {
    let at = 0;
    while (at < piece.length && this.#zeroBlocks < 2) {
      if (this.#left > 0) at += this.#content(piece.subarray(at, at + this.#left));
      else if (this.#padding > 0) at += this.#skip(piece.length - at);
      else at += this.#fill(piece.subarray(at));
    }
  }

  /** There are no more bytes. */
  finish(): void {
    if (this.#left > 0 || this.#blockFilled > 0) throw new Error("it ends in the middle of an entry");
  }

  #content(bytes: Buffer): number {
    this.#left -= bytes.length;
    const extension = this.#extension;
    if (extension === null) this.#sink.data(bytes);
    else extension.filled += bytes.copy(extension.bytes, extension.filled);
    if (this.#left === 0) this.#contentEnds();
    return bytes.length;
  }

  #contentEnds(): void {
    if (this.#extension !== null) this.#extended(this.#extension.type, this.#extension.bytes);
    else if (this.#inFile) this.#sink.end();
    this.#extension = null;
    this.#inFile = false;
  }

  #skip(available: number): number {
    const skipped = Math.min(available, this.#padding);
    this.#padding -= skipped;
    return skipped;
  }

  #fill(bytes: Buffer): number {
    const copied = bytes.copy(this.#block, this.#blockFilled);
    this.#blockFilled += copied;
    if (this.#blockFilled === blockBytes) {
      this.#blockFilled = 0;
      this.#header(this.#block);
    }
    return copied;
  }

  #header(block: Buffer): void {
    if (block.every((byte) => byte === 0)) {
      this.#zeroBlocks++;
      return;
    }
    this.#zeroBlocks = 0;
    checkSum(block);
    const type = String.fromCharCode(block[156] ?? 0);
    const size = number(block, 124, 12);
    if ("xgLK".includes(type)) return this.#beginExtension(type, size);
    this.#begin(block, type, size);
  }

  #beginExtension(type: string, size: number): void {
    if (size > extensionBytesMax) throw new Error("an extended header is too long");
    this.#extension = { type, bytes: Buffer.alloc(size), filled: 0 };
    this.#expect(size);
  }

  #begin(block: Buffer, type: string, sizeInBlock: number): void {
    const extensions = { ...this.#global, ...this.#next };
    this.#next = {};
    const kind = kindOf(type);
    const size = kind === "symbolic link" || kind === "hard link" || kind === "folder" ? 0 : (extensions.size ?? sizeInBlock);
    const path = extensions.path ?? nameIn(block);
    this.#sink.begin({
      // Archives from before there was a type for folders.
      type: kind === "file" && path.endsWith("/") ? "folder" : kind,
      path,
      target: extensions.linkpath ?? text(block, 157, 100),
      size,
      mode: number(block, 100, 8),
      modifiedAt: extensions.mtime ?? number(block, 136, 12),
    });
    this.#inFile = true;
    this.#expect(size);
  }

  #expect(size: number): void {
    this.#left = size;
    this.#padding = (blockBytes - (size % blockBytes)) % blockBytes;
    if (size === 0) this.#contentEnds();
  }

  #extended(type: string, bytes: Buffer): void {
    if (type === "L") this.#next.path = text(bytes, 0, bytes.length);
    else if (type === "K") this.#next.linkpath = text(bytes, 0, bytes.length);
    else if (type === "g") this.#global = { ...this.#global, ...records(bytes) };
    else this.#next = { ...this.#next, ...records(bytes) };
  }
}

function kindOf(type: string): TarEntry["type"] {
  switch (type) {
    case "0":
    case "\0":
    case "7":
      return "file";
    case "1":
      return "hard link";
    case "2":
      return "symbolic link";
    case "5":
      return "folder";
    default:
      return "other";
  }
}

function nameIn(block: Buffer): string {
  const name = text(block, 0, 100);
  const isPosix = block.toString("latin1", 257, 263) === "ustar\0";
  const prefix = isPosix ? text(block, 345, 155) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** The sum of all bytes but its own, which count as spaces. */
function checkSum(block: Buffer): void {
  let sum = 8 * 32;
  for (let at = 0; at < blockBytes; at++) if (at < 148 || at >= 156) sum += block[at] as number;
  if (sum !== Number.parseInt(text(block, 148, 8), 8)) throw new Error("it is no tar archive, or damaged");
}

/** Octal digits, or a binary number where the first bit is set. */
function number(block: Buffer, start: number, length: number): number {
  const first = block[start] as number;
  if ((first & 0x80) !== 0) {
    if (first === 0xff) return 0;
    let value = first & 0x7f;
    for (let at = start + 1; at < start + length; at++) value = value * 256 + (block[at] as number);
    if (!Number.isSafeInteger(value)) throw new Error("a number in a header is too large");
    return value;
  }
  const digits = text(block, start, length).trim();
  if (digits === "") return 0;
  if (!/^[0-7]+$/.test(digits)) throw new Error("a number in a header is malformed");
  return Number.parseInt(digits, 8);
}

/** Up to the first zero byte. */
function text(bytes: Buffer, start: number, length: number): string {
  const end = bytes.indexOf(0, start);
  return bytes.toString("utf8", start, end === -1 || end > start + length ? start + length : end);
}

/** PAX records: `LENGTH NAME=VALUE\n`, where the length is of the whole record. */
function records(bytes: Buffer): Extensions {
  const found: Extensions = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(32, at);
    const length = space === -1 ? Number.NaN : Number(bytes.toString("latin1", at, space));
    const equals = bytes.indexOf(61, space);
    const isWhole =
      Number.isInteger(length) && length > 0 && at + length <= bytes.length && equals !== -1 && equals < at + length;
    if (!isWhole) throw new Error("an extended header is malformed");
    take(found, bytes.toString("utf8", space + 1, equals), bytes.toString("utf8", equals + 1, at + length - 1));
    at += length;
  }
  return found;
}

function take(found: Extensions, name: string, value: string): void {
  if (name.startsWith("GNU.sparse.")) throw new Error("it has sparse files, which images do not have");
  if (name === "path" || name === "linkpath") found[name] = value;
  if (name !== "size" && name !== "mtime") return;
  const given = Number(value);
  if (!Number.isFinite(given) || (name === "size" && !(Number.isSafeInteger(given) && given >= 0))) {
    throw new Error("a number in an extended header is malformed");
  }
  found[name] = given;
}
