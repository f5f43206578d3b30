/** Byte strings one after the other in shared memory: kept without an object for each, and handed to another thread without being copied. */
const bytesAtFirst = 4096;
/** Memory for more is given back when it was not needed lately. */
const bytesKept = 1024 * 1024;

/** It can be filled again; what it gave before may not be read any more then. */
export class PackedBytes {
  #memory = new Uint8Array(new SharedArrayBuffer(bytesAtFirst));
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** All of them. */
  get bytes(): Uint8Array {
    return this.#memory.subarray(0, this.#length);
  }

  /** Takes a copy; where it ends. */
  add(piece: Uint8Array): number {
    const end = this.#length + piece.length;
    if (end > this.#memory.length) this.#moveTo(Math.max(end, 2 * this.#memory.length));
    this.#memory.set(piece, this.#length);
    this.#length = end;
    return end;
  }

  clear(): void {
    const isLarge = this.#memory.length > Math.max(bytesKept, 4 * this.#length);
    this.#length = 0;
    if (isLarge) this.#moveTo(bytesAtFirst);
  }

  #moveTo(room: number): void {
    const filled = this.bytes;
    this.#memory = new Uint8Array(new SharedArrayBuffer(room));
    this.#memory.set(filled);
  }
}
