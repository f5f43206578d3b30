/**
 * The frames that our own runtimes, the spawner and (later) remote agents speak: `docs/frames.md` has the whole format.
 * A frame is a head of ten bytes (payload length u32, id u32, type u8, flags u8; big endian) and its payload.
 */
export const frameType = {
  hello: 1,
  init: 2,
  ready: 3,
  failed: 4,
  rehearse: 5,
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
  notice: 43,
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

/**
 * Cuts a byte stream into frames. Payloads are views of the chunks they came in and are copied only when they span chunks.
 * `push` throws `RangeError` on a length over `payloadBytesMax`.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #neededBytes = frameHeadBytes;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  push(chunk: Buffer): void {
    let data = chunk;
    if (this.#pendingBytes > 0) {
      this.#pending.push(chunk);
      this.#pendingBytes += chunk.length;
      if (this.#pendingBytes < this.#neededBytes) return;
      data = Buffer.concat(this.#pending, this.#pendingBytes);
      this.#pending = [];
      this.#pendingBytes = 0;
    }
    let offset = 0;
    for (;;) {
      const left = data.length - offset;
      if (left < frameHeadBytes) {
        this.#neededBytes = frameHeadBytes;
        break;
      }
      const length = data.readUInt32BE(offset);
      if (length > payloadBytesMax) throw new RangeError(`A frame of ${length} bytes is over the limit of ${payloadBytesMax}`);
      if (left < frameHeadBytes + length) {
        this.#neededBytes = frameHeadBytes + length;
        break;
      }
      const start = offset + frameHeadBytes;
      const id = data.readUInt32BE(offset + 4);
      offset = start + length;
      this.#sink(data[start - 2] as number, id, data[start - 1] as number, data.subarray(start, offset));
    }
    if (offset < data.length) {
      this.#pending.push(offset === 0 ? data : data.subarray(offset));
      this.#pendingBytes = data.length - offset;
    }
  }
}
