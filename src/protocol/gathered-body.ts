import type { BodySink, BodySource } from "../lib/body.ts";

/**
 * A body as one buffer where all of it (up to `bytesMax`) is there at once; it can then be sent twice. Otherwise a source from which nothing
 * is lost. The source is started only when its length is known and small, so the other bodies stay untouched.
 */
export function gatherBody(source: BodySource, bytesMax: number): Buffer | BodySource {
  if (source.bytes === undefined || source.bytes > bytesMax) return source;
  const whole = source.take?.() ?? null;
  if (whole !== null) return whole;
  const gathered = new GatheredBody(source);
  source.pipe(gathered);
  return gathered.whole() ?? gathered;
}

/** Keeps what comes until somebody pipes it on. */
class GatheredBody implements BodySource, BodySink {
  readonly bytes: number | undefined;
  readonly #source: BodySource;
  #chunks: Buffer[] = [];
  #sink: BodySink | null = null;
  #outcome: Error | "end" | null = null;

  constructor(source: BodySource) {
    this.bytes = source.bytes;
    this.#source = source;
  }

  /** The whole body if it has ended with the length it announced. */
  whole(): Buffer | undefined {
    if (this.#outcome !== "end") return undefined;
    const whole = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    return whole.length === this.bytes ? whole : undefined;
  }

  chunk(data: Buffer): boolean {
    if (this.#sink !== null) return this.#sink.chunk(data);
    this.#chunks.push(data);
    return false;
  }

  end(): void {
    this.#outcome = "end";
    this.#sink?.end();
  }

  fail(error: Error): void {
    this.#outcome = error;
    this.#sink?.fail(error);
  }

  pipe(sink: BodySink): void {
    this.#sink = sink;
    let more = true;
    for (const data of this.#chunks) more = sink.chunk(data);
    this.#chunks = [];
    if (this.#outcome === "end") sink.end();
    else if (this.#outcome !== null) sink.fail(this.#outcome);
    else if (more) this.#source.resume();
  }

  resume(): void {
    this.#source.resume();
  }

  cancel(): void {
    this.#sink = null;
    this.#chunks = [];
    this.#source.cancel();
  }
}
