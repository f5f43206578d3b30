import type { RequestHead } from "./http1-server-head.ts";

/** Heads up to this size are kept; larger ones are rare. */
export const keptHeadBytesMax = 1024;
const slots = 1024;

interface Kept {
  readonly bytes: Buffer;
  readonly head: RequestHead;
}

/**
 * The heads that many connections send again and again, each parsed once. An equal head finds the same object; finding it costs less than
 * a quarter of parsing it. A head is kept when it comes the second time, so that those of which no two are alike leave nothing behind.
 * The place of a head follows from its bytes alone, and a later one takes it: nothing grows, and nobody can make it slow.
 */
export class HeadTable {
  readonly #kept: (Kept | null)[] = Array.from({ length: slots }, () => null);
  /** Of the head that came last to each place. */
  readonly #seen = new Int32Array(slots);

  /** The head that these bytes are, if it is kept. */
  find(data: Buffer, start: number, end: number): RequestHead | undefined {
    if (end - start > keptHeadBytesMax) return undefined;
    const kept = this.#kept[hashOf(data, start, end) & (slots - 1)] as Kept | null;
    if (kept === null || kept.bytes.length !== end - start) return undefined;
    return data.compare(kept.bytes, 0, kept.bytes.length, start, end) === 0 ? kept.head : undefined;
  }

  /** Tells of a head that was not found and is one: it is kept if it is not the first of its kind. */
  add(head: RequestHead, data: Buffer, start: number, end: number): void {
    if (end - start > keptHeadBytesMax) return;
    const hash = hashOf(data, start, end);
    const slot = hash & (slots - 1);
    if (this.#seen[slot] === hash) this.#kept[slot] = { bytes: Buffer.from(data.subarray(start, end)), head };
    this.#seen[slot] = hash;
  }

  /** Of a head that came again: the object that others have, or this one from now on. */
  share(head: RequestHead, data: Buffer, start: number, end: number): RequestHead {
    const known = this.find(data, start, end);
    if (known !== undefined) return known;
    this.add(head, data, start, end);
    return head;
  }
}

function hashOf(data: Buffer, start: number, end: number): number {
  let hash = end - start;
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + (data[i] as number)) | 0;
  // The lowest bits alone would follow from the last bytes, which are the same in most heads.
  return hash ^ (hash >>> 15);
}
