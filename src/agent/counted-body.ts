import type { BodySink, BodySource } from "../lib/body.ts";
import type { PlatformError } from "../model/error.ts";

/** What becomes of a call through the body of its answer. */
export interface BodyFate {
  bodyEnded(): void;
  /** Resolves with the error to tell the reader, once the code is dead or done with the call. */
  bodyBroke(error: Error): Promise<PlatformError>;
  bodyDropped(): void;
}

/** A body on its way that is counted, and broken off above its limit. `fate`, where there is one, hears how it ends. */
export class CountedBody implements BodySource, BodySink {
  readonly #source: BodySource;
  readonly #bytesMax: number;
  readonly #tooLarge: (bytesMax: number) => PlatformError;
  readonly #fate: BodyFate | null;
  #sink: BodySink | null = null;
  /** Bytes that have passed. */
  total = 0;

  constructor(source: BodySource, bytesMax: number, tooLarge: (bytesMax: number) => PlatformError, fate: BodyFate | null) {
    this.#source = source;
    this.#bytesMax = bytesMax;
    this.#tooLarge = tooLarge;
    this.#fate = fate;
  }

  get bytes(): number | undefined {
    return this.#source.bytes;
  }

  take(): Buffer | null {
    if (this.#source.take === undefined || (this.#source.bytes ?? 0) > this.#bytesMax) return null;
    const data = this.#source.take();
    if (data === null) return null;
    this.total = data.length;
    this.#fate?.bodyEnded();
    return data;
  }

  pipe(sink: BodySink): void {
    this.#sink = sink;
    this.#source.pipe(this);
  }

  resume(): void {
    this.#source.resume();
  }

  /** An answer that is whole was not dropped, whatever its reader does with it: a status may mean that there is none to write. */
  cancel(): void {
    if (this.#fate !== null && this.take() !== null) return;
    this.#source.cancel();
    this.#fate?.bodyDropped();
  }

  chunk(data: Buffer): boolean {
    this.total += data.length;
    if (this.total <= this.#bytesMax) return (this.#sink as BodySink).chunk(data);
    this.#source.cancel();
    this.fail(this.#tooLarge(this.#bytesMax));
    return false;
  }

  end(): void {
    this.#fate?.bodyEnded();
    this.#sink?.end();
  }

  fail(error: Error): void {
    if (this.#fate === null) this.#sink?.fail(error);
    else void this.#fate.bodyBroke(error).then((failure) => this.#sink?.fail(failure));
  }
}
