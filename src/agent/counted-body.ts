import type { BodySink, BodySource } from "../lib/body.ts";
import type { PlatformError } from "../model/error.ts";

/** A body on its way that is counted, and broken off above its limit. */
export class CountedBody implements BodySource, BodySink {
  readonly #source: BodySource;
  readonly #bytesMax: number;
  readonly #tooLarge: (bytesMax: number) => PlatformError;
  #sink: BodySink | null = null;
  /** Bytes that have passed. */
  total = 0;

  constructor(source: BodySource, bytesMax: number, tooLarge: (bytesMax: number) => PlatformError) {
    this.#source = source;
    this.#bytesMax = bytesMax;
    this.#tooLarge = tooLarge;
  }

  get bytes(): number | undefined {
    return this.#source.bytes;
  }

  pipe(sink: BodySink): void {
    this.#sink = sink;
    this.#source.pipe(this);
  }

  resume(): void {
    this.#source.resume();
  }

  cancel(): void {
    this.#source.cancel();
  }

  chunk(data: Buffer): boolean {
    this.total += data.length;
    if (this.total <= this.#bytesMax) return this.#reader.chunk(data);
    this.#source.cancel();
    this.fail(this.#tooLarge(this.#bytesMax));
    return false;
  }

  end(): void {
    this.#reader.end();
  }

  fail(error: Error): void {
    this.#reader.fail(error);
  }

  get #reader(): BodySink {
    return this.#sink as BodySink;
  }
}
