/**
 * Bodies of requests and answers as they travel through the platform: chunks pushed into a sink, which can hold the source
 * back. No promise and no object per chunk; a body that is already in memory costs one call.
 */
import type { Readable, Writable } from "node:stream";

export interface BodySource {
  /** Length in bytes where it is known beforehand. */
  readonly bytes: number | undefined;
  /**
   * The whole body at once, where it is in memory already: then it has been read, and nothing else is to be called. Null: it must be
   * piped. A source that always flows has no such method.
   */
  take?(): Buffer | null;
  /** Starts the flow. Once only; calls of the sink may happen before it returns. */
  pipe(sink: BodySink): void;
  /** Goes on after `chunk` returned false. */
  resume(): void;
  /** Nobody wants the rest: stops the flow and frees what is behind it. The sink hears nothing more. */
  cancel(): void;
}

export interface BodySink {
  /** Takes a piece and keeps it. False: no more, please, until `resume`. */
  chunk(data: Buffer): boolean;
  end(): void;
  fail(error: Error): void;
}

/** A body that is in memory, and can be taken. */
export class WholeBody implements BodySource {
  readonly #data: Buffer;
  #live = true;

  constructor(data: Buffer) {
    this.#data = data;
  }

  get bytes(): number {
    return this.#data.length;
  }

  take(): Buffer {
    return this.#data;
  }

  pipe(sink: BodySink): void {
    if (this.#data.length > 0) sink.chunk(this.#data);
    if (this.#live) sink.end();
  }

  resume(): void {}

  cancel(): void {
    this.#live = false;
  }
}

/** A body that is in memory, and flows like all others. */
export function bytesBody(data: Buffer): BodySource {
  let live = true;
  return {
    bytes: data.length,
    pipe(sink) {
      if (data.length > 0) sink.chunk(data);
      if (live) sink.end();
    },
    resume() {},
    cancel() {
      live = false;
    },
  };
}

/** A Node stream as a body. Cancelling destroys the stream. */
export function streamBody(stream: Readable, bytes?: number): BodySource {
  let live = true;
  return {
    bytes,
    pipe(sink) {
      stream.on("data", (data: Buffer) => {
        if (live && !sink.chunk(data)) stream.pause();
      });
      stream.once("end", () => {
        if (live) sink.end();
        live = false;
      });
      stream.once("error", (error) => {
        if (live) sink.fail(error);
        live = false;
      });
      stream.once("close", () => {
        if (live) sink.fail(new Error("The stream closed before its end"));
        live = false;
      });
    },
    resume: () => stream.resume(),
    cancel() {
      live = false;
      stream.on("error", () => {});
      stream.destroy();
    },
  };
}

/** The whole body in one buffer; rejects with `tooLarge()` as soon as it is known to be over `bytesMax`. */
export function readBody(source: BodySource, bytesMax: number, tooLarge: () => Error): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (source.bytes !== undefined && source.bytes > bytesMax) {
      source.cancel();
      reject(tooLarge());
      return;
    }
    const chunks: Buffer[] = [];
    let total = 0;
    source.pipe({
      chunk(data) {
        total += data.length;
        if (total > bytesMax) {
          source.cancel();
          reject(tooLarge());
          return false;
        }
        chunks.push(data);
        return true;
      },
      end: () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, total)),
      fail: reject,
    });
  });
}

/** As `readBody`, but at once where it is here already, and throws where its length says too much: a promise costs a call a turn. */
export function takeBody(source: BodySource, bytesMax: number, tooLarge: () => Error): Buffer | Promise<Buffer> {
  if (source.bytes === 0) return noBytes;
  if (source.bytes !== undefined && source.bytes > bytesMax) throw tooLarge();
  return source.take?.() ?? readBody(source, bytesMax, tooLarge);
}

const noBytes = Buffer.alloc(0);

/** Writes a body to a Node stream and ends it; `done` hears once, with the error if one of the two failed. */
export function writeBody(source: BodySource, stream: Writable, done: (error?: Error) => void): void {
  let live = true;
  const finish = (error?: Error) => {
    if (!live) return;
    live = false;
    stream.off("drain", onDrain);
    stream.off("close", onClose);
    stream.off("error", onError);
    done(error);
  };
  const onDrain = () => source.resume();
  const onClose = () => {
    source.cancel();
    finish(new Error("The receiver closed before the body ended"));
  };
  const onError = (error: Error) => {
    source.cancel();
    finish(error);
  };
  stream.on("drain", onDrain);
  stream.once("close", onClose);
  stream.once("error", onError);
  source.pipe({
    chunk: (data) => live && stream.write(data),
    end() {
      if (live) stream.end(() => finish());
    },
    fail: finish,
  });
}
