/** Answers whose head comes first: a JSON object, eight zero bytes, and the body. */
import type { BodySink, BodySource } from "../../../lib/body.ts";
import { headIn, type UrlAnswer } from "./answer.ts";
import { malformed } from "./errors.ts";

export type AnswerHead = Pick<UrlAnswer, "status" | "headers">;

const end = Buffer.alloc(8);
const nothing = Buffer.alloc(0);
/** As much as a head of HTTP may have here. */
const bytesMax = 64 * 1024;

/** The head and the body of a whole answer. Throws `function_protocol`. */
export function splitPrelude(answer: Buffer): UrlAnswer {
  const at = answer.indexOf(end);
  if (at === -1) throw malformed("The prelude has no end");
  return { ...headOf(answer.subarray(0, at)), body: answer.subarray(at + end.length) };
}

function headOf(prelude: Buffer): AnswerHead {
  const said = objectIn(prelude.toString());
  return headIn({ ...said, statusCode: said["statusCode"] ?? 200 }, "application/octet-stream");
}

function objectIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  } catch {
    // As for JSON that is no object.
  }
  throw malformed("The prelude is no JSON object");
}

/** Whom it is told. */
export interface PreludeReader {
  /** Once: the body is what follows. */
  read(head: AnswerHead, body: BodySource): void;
  /** Once, in its place: there is no head. */
  failed(error: unknown): void;
}

/** Reads the head of an answer that is still coming. */
export function readPrelude(answer: BodySource, reader: PreludeReader): void {
  answer.pipe(new Prelude(answer, reader));
}

/** Everything up to the end of the head is `held`; from there on it is a body, which waits until somebody reads it. */
class Prelude implements BodySink {
  readonly #answer: BodySource;
  readonly #reader: PreludeReader;
  #held: Buffer = nothing;
  #rest: Rest | null = null;
  #over = false;

  constructor(answer: BodySource, reader: PreludeReader) {
    this.#answer = answer;
    this.#reader = reader;
  }

  chunk(data: Buffer): boolean {
    if (this.#over) return false;
    if (this.#rest !== null) return this.#rest.chunk(data);
    // The end may have begun in the piece before.
    const from = Math.max(0, this.#held.length - end.length + 1);
    const held = this.#held.length === 0 ? data : Buffer.concat([this.#held, data]);
    this.#held = held;
    const at = held.indexOf(end, from);
    if (at === -1) return held.length <= bytesMax || this.#fail(malformed(`The prelude is longer than ${bytesMax} bytes`));
    return this.#begin(held.subarray(0, at), held.subarray(at + end.length));
  }

  end(): void {
    if (this.#rest === null) this.#fail(malformed("The answer ended before its prelude did"));
    else this.#rest.end();
  }

  fail(error: Error): void {
    if (this.#rest === null) this.#fail(error);
    else this.#rest.fail(error);
  }

  #begin(prelude: Buffer, first: Buffer): boolean {
    try {
      const head = headOf(prelude);
      this.#held = nothing;
      this.#rest = new Rest(this.#answer);
      this.#reader.read(head, this.#rest);
      return this.#rest.chunk(first);
    } catch (error) {
      return this.#fail(error);
    }
  }

  #fail(error: unknown): false {
    if (this.#over) return false;
    this.#over = true;
    this.#answer.cancel();
    this.#reader.failed(error);
    return false;
  }
}

/** What follows a head. */
class Rest implements BodySource, BodySink {
  readonly bytes = undefined;
  readonly #answer: BodySource;
  #sink: BodySink | null = null;
  #waiting: Buffer[] = [];
  #ending: ((sink: BodySink) => void) | null = null;
  #live = true;

  constructor(answer: BodySource) {
    this.#answer = answer;
  }

  pipe(sink: BodySink): void {
    this.#sink = sink;
    const waiting = this.#waiting;
    this.#waiting = [];
    let more = true;
    for (const piece of waiting) if (this.#live) more = sink.chunk(piece);
    if (this.#ending !== null) this.#finish(this.#ending);
    else if (waiting.length > 0 && more) this.resume();
  }

  resume(): void {
    if (this.#live) this.#answer.resume();
  }

  cancel(): void {
    this.#live = false;
    this.#answer.cancel();
  }

  chunk(data: Buffer): boolean {
    if (!this.#live) return false;
    if (data.length === 0) return true;
    if (this.#sink !== null) return this.#sink.chunk(data);
    this.#waiting.push(data);
    return false;
  }

  end(): void {
    this.#finish((sink) => sink.end());
  }

  fail(error: Error): void {
    this.#finish((sink) => sink.fail(error));
  }

  #finish(ending: (sink: BodySink) => void): void {
    this.#ending = ending;
    if (this.#sink === null || !this.#live) return;
    this.#live = false;
    ending(this.#sink);
  }
}
