import type { BodySink, BodySource } from "../../../lib/body.ts";

/** A body that flows to its end, whether anybody reads it or not: a caller that goes away ends no call. */
export class WholeFlow implements BodySource, BodySink {
  readonly bytes: number | undefined;
  readonly #source: BodySource;
  #sink: BodySink | null = null;
  #state: "idle" | "flowing" | "held" = "idle";

  constructor(source: BodySource) {
    this.#source = source;
    this.bytes = source.bytes;
  }

  pipe(sink: BodySink): void {
    this.#sink = sink;
    this.#begin();
  }

  resume(): void {
    if (this.#state !== "held") return;
    this.#state = "flowing";
    this.#source.resume();
  }

  cancel(): void {
    this.#sink = null;
    if (this.#state === "idle") this.#begin();
    else this.resume();
  }

  chunk(data: Buffer): boolean {
    const more = this.#sink === null || this.#sink.chunk(data);
    // Whoever took it may have gone meanwhile.
    if (more || this.#sink === null) return true;
    this.#state = "held";
    return false;
  }

  end(): void {
    this.#sink?.end();
  }

  fail(error: Error): void {
    this.#sink?.fail(error);
  }

  #begin(): void {
    this.#state = "flowing";
    this.#source.pipe(this);
  }
}
