/**
 * The frames that our own runtimes, the spawner, front processes and (later) remote agents speak: `docs/frames.md` has the whole format.
 * A frame is a head of ten bytes (payload length u32, id u32, type u8, flags u8; big endian) and its payload.
 */
export const frameType = {
  hello: 1,
  init: 2,
  ready: 3,
  failed: 4,
  rehearse: 5,
  mark: 6,
  call: 16,
  body: 17,
  result: 18,
  error: 19,
  cancel: 20,
  credit: 21,
  log: 22,
  spawn: 32,
  spawned: 33,
  stdin: 34,
  stdout: 35,
  stderr: 36,
  exited: 37,
  kill: 38,
  killed: 39,
  command: 40,
  reply: 41,
  expect: 42,
  notice: 43,
  join: 44,
  joined: 45,
  restrict: 46,
  restricted: 47,
  request: 48,
  connection: 49,
  drain: 50,
  figures: 51,
} as const;

/** The last frame of a body. */
export const flagEnd = 1;

/** On an error frame: the process ends after it and must get no further call. */
export const flagExit = 2;

export const frameHeadBytes = 10;

/** A frame longer than this is a broken peer. */
export const payloadBytesMax = 16 * 1024 * 1024;

/** The head of a frame, to be written before its payload. */
export function frameHead(type: number, id: number, payloadBytes: number, flags = 0): Buffer {
  const head = Buffer.allocUnsafe(frameHeadBytes);
  head.writeUInt32BE(payloadBytes, 0);
  head.writeUInt32BE(id, 4);
  head[8] = type;
  head[9] = flags;
  return head;
}

/** A whole small frame with a text payload. */
export function textFrame(type: number, id: number, text: string, flags = 0): Buffer {
  const bytes = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(frameHeadBytes + bytes);
  frame.writeUInt32BE(bytes, 0);
  frame.writeUInt32BE(id, 4);
  frame[8] = type;
  frame[9] = flags;
  frame.write(text, frameHeadBytes);
  return frame;
}

/** A `credit` frame: the peer may send so many bytes more of the body that belongs to `id`. */
export function creditFrame(id: number, bytes: number): Buffer {
  const frame = Buffer.allocUnsafe(frameHeadBytes + 4);
  frame.writeUInt32BE(4, 0);
  frame.writeUInt32BE(id, 4);
  frame[8] = frameType.credit;
  frame[9] = 0;
  frame.writeUInt32BE(bytes, frameHeadBytes);
  return frame;
}

/** Hears each frame; the payload is a view that is only valid during the call unless it is kept whole. */
export type FrameSink = (type: number, id: number, flags: number, payload: Buffer) => void;

/** Hears each frame, whose payload lies from `start` to `end`; who keeps bytes copies them. */
export type FrameRangeSink = (type: number, id: number, flags: number, data: Buffer, start: number, end: number) => void;

/**
 * Cuts a byte stream into frames. Payloads are ranges of the chunks they came in and are copied only when they span chunks.
 * `push` throws `RangeError` on a length over `payloadBytesMax`.
 */
export class FrameCutter {
  readonly #sink: FrameRangeSink;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #neededBytes = frameHeadBytes;

  constructor(sink: FrameRangeSink) {
    this.#sink = sink;
  }

  /** The first bytes of a chunk. `lent`: it will soon hold others, and what is left of a frame is copied. */
  push(chunk: Buffer, bytes: number, lent: boolean): void {
    let data = chunk;
    let endOfData = bytes;
    if (this.#pendingBytes > 0) {
      this.#keep(chunk, 0, bytes, lent);
      if (this.#pendingBytes < this.#neededBytes) return;
      data = Buffer.concat(this.#pending, this.#pendingBytes);
      endOfData = this.#pendingBytes;
      this.#pending = [];
      this.#pendingBytes = 0;
    }
    const offset = this.#cut(data, endOfData);
    if (offset < endOfData) this.#keep(data, offset, endOfData, lent && data === chunk);
  }

  /** Gives out the whole frames; returns where the rest begins. */
  #cut(data: Buffer, endOfData: number): number {
    let offset = 0;
    for (;;) {
      const left = endOfData - offset;
      if (left < frameHeadBytes) {
        this.#neededBytes = frameHeadBytes;
        return offset;
      }
      const length = data.readUInt32BE(offset);
      if (length > payloadBytesMax) throw new RangeError(`A frame of ${length} bytes is over the limit of ${payloadBytesMax}`);
      if (left < frameHeadBytes + length) {
        this.#neededBytes = frameHeadBytes + length;
        return offset;
      }
      const start = offset + frameHeadBytes;
      const id = data.readUInt32BE(offset + 4);
      offset = start + length;
      this.#sink(data[start - 2] as number, id, data[start - 1] as number, data, start, offset);
    }
  }

  #keep(data: Buffer, start: number, end: number, lent: boolean): void {
    const kept = data.subarray(start, end);
    this.#pending.push(lent ? Buffer.from(kept) : kept);
    this.#pendingBytes += end - start;
  }
}

/** The same for chunks that stay as they are, with payloads as views. */
export class FrameReader {
  readonly #cutter: FrameCutter;

  constructor(sink: FrameSink) {
    this.#cutter = new FrameCutter((type, id, flags, data, start, end) => sink(type, id, flags, data.subarray(start, end)));
  }

  push(chunk: Buffer): void {
    this.#cutter.push(chunk, chunk.length, false);
  }
}
