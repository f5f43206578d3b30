/**
 * Marks in a program's output: lines such as `\nMARK=id\n` that say whose output follows. Most calls print nothing, and then their marks are
 * all there is: such a one is kept back until something follows it or the next one takes its place, so that silent calls cost nothing.
 *
 * A mark after other output goes through, because it ends what was printed before it.
 */
const lineFeed = 0x0a;

/** Of one stream. */
export class Marks {
  readonly #mark: Buffer;
  /** Nothing was told since the last mark. */
  #isClean = true;
  #kept: Buffer | null = null;

  /** `mark`: how the line of a mark begins. */
  constructor(mark: string) {
    this.#mark = Buffer.from(`\n${mark}`);
  }

  /** What is to be told now that this piece was read; null: nothing. */
  take(data: Buffer): Buffer | null {
    const last = this.#lastOf(data);
    if (last === null) {
      const kept = this.#kept;
      this.#kept = null;
      this.#isClean = false;
      return kept === null ? data : Buffer.concat([kept, data]);
    }
    if (this.#isClean) {
      this.#kept = Buffer.from(last);
      return null;
    }
    this.#isClean = true;
    return data;
  }

  /** The last mark of a piece that is nothing but marks. */
  #lastOf(data: Buffer): Buffer | null {
    let at = 0;
    let last = 0;
    while (at < data.length) {
      if (!this.#isAt(data, at)) return null;
      const end = data.indexOf(lineFeed, at + 1);
      if (end < 0) return null;
      last = at;
      at = end + 1;
      // Some kits end the line of a mark twice.
      if (data[at] === lineFeed && !this.#isAt(data, at)) at++;
    }
    return data.length === 0 ? null : data.subarray(last);
  }

  #isAt(data: Buffer, at: number): boolean {
    const end = at + this.#mark.length;
    return end <= data.length && data.compare(this.#mark, 0, this.#mark.length, at, end) === 0;
  }
}
