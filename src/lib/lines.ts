/**
 * Bytes into lines. A line ends at \n (a \r right before it belongs to the end); any other byte, a lone \r and terminal
 * colours included, is data. Bytes that are not UTF-8 become U+FFFD. An endless line comes in pieces of `lineBytesMax`.
 */
export const lineBytesMax = 16 * 1024;

const newline = 0x0a;
const carriageReturn = 0x0d;

/** One stream of one call. Keeps at most `lineBytesMax` bytes between chunks; chunks may be reused by the caller afterwards. */
export class LineSplitter {
  readonly #emit: (text: string) => void;
  #rest: Buffer | undefined;

  constructor(emit: (text: string) => void) {
    this.#emit = emit;
  }

  /** No line has begun. */
  get isEmpty(): boolean {
    return this.#rest === undefined;
  }

  push(chunk: Uint8Array): void {
    const view = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const data = this.#rest === undefined ? view : Buffer.concat([this.#rest, view]);
    let start = 0;
    for (let end = data.indexOf(newline); end !== -1; end = data.indexOf(newline, start)) {
      this.#line(data, start, end);
      start = end + 1;
    }
    start = this.#pieces(data, start, data.length);
    this.#rest = start === data.length ? undefined : Buffer.from(data.subarray(start));
  }

  /** Gives out a last line that has no end. */
  end(): void {
    if (this.#rest !== undefined) this.#emit(this.#rest.toString("utf8"));
    this.#rest = undefined;
  }

  #line(data: Buffer, from: number, to: number): void {
    const end = to > from && data[to - 1] === carriageReturn ? to - 1 : to;
    const start = this.#pieces(data, from, end);
    if (start < end || from === start) this.#emit(data.toString("utf8", start, end));
  }

  /** Gives out whole pieces of what is too long for one line; returns where the rest starts. */
  #pieces(data: Buffer, from: number, to: number): number {
    let start = from;
    while (to - start > lineBytesMax) {
      const end = characterStart(data, start + lineBytesMax);
      this.#emit(data.toString("utf8", start, end));
      start = end;
    }
    return start;
  }
}

/** The position itself, or up to three bytes before it, so that no character is cut in two. */
export function characterStart(data: Uint8Array, position: number): number {
  for (let back = 0; back < 4 && back <= position; back++) {
    const byte = data[position - back];
    if (byte === undefined) return position;
    if ((byte & 0xc0) !== 0x80) return position - back;
  }
  return position;
}
