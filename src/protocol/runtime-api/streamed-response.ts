import type { BodySink, BodySource } from "../../lib/body.ts";
import { acceptedText } from "./answers.ts";
import type { Asked } from "./connection.ts";
import { trailedError } from "./failures.ts";

/** A response that is passed on as it comes. The runtime's request is answered, and its call over, with the last byte, whether anybody reads it or not. */
export class StreamedResponse implements BodySource, BodySink {
  readonly bytes = undefined;
  readonly #request: Asked;
  readonly #ended: () => void;
  #sink: BodySink | null = null;
  #failure: unknown = null;
  #isPiped = false;

  /** `ended` hears once, before the reader does. */
  constructor(request: Asked, ended: () => void) {
    this.#request = request;
    this.#ended = ended;
  }

  pipe(sink: BodySink): void {
    if (this.#failure !== null) return sink.fail(this.#failure as Error);
    this.#sink = sink;
    this.#begin();
  }

  resume(): void {
    this.#request.body.resume();
  }

  cancel(): void {
    this.#sink = null;
    if (this.#isPiped) this.resume();
    else this.#begin();
  }

  /** The call is over before its response is: what still comes is nobody's. */
  break(error: unknown): void {
    const sink = this.#sink;
    this.#failure = error;
    this.cancel();
    sink?.fail(error as Error);
  }

  // Of the request's body.

  chunk(data: Buffer): boolean {
    return this.#sink === null || this.#sink.chunk(data);
  }

  end(): void {
    const { body, connection } = this.#request;
    const error = trailedError(body.trailers);
    const sink = this.#taken();
    connection.answer(acceptedText);
    if (error === null) sink?.end();
    else sink?.fail(error);
  }

  fail(error: Error): void {
    this.#taken()?.fail(error);
  }

  #taken(): BodySink | null {
    const sink = this.#sink;
    this.#sink = null;
    this.#ended();
    return sink;
  }

  #begin(): void {
    this.#isPiped = true;
    this.#request.body.pipe(this);
  }
}
