import type { BodySink, BodySource } from "../lib/body.ts";
import { asPlatformError, type PlatformError } from "../model/error.ts";
import { badHead, lengthBroken } from "./answer.ts";
import { answerFraming } from "./answer-head.ts";
import type { OwnWriter } from "./own-writer.ts";
import { mayHaveBody } from "./response-headers.ts";

/** What an answer needs of its exchange, and what it tells it. */
export interface AnswerOwner {
  readonly method: string;
  readonly writer: OwnWriter;
  /** The head for a body of so many bytes, or framed otherwise; throws when HTTP does not allow it. */
  head(status: number, headers: readonly string[], framing: number): string;
  /** How a body of unknown length is framed: HTTP/1.0 knows no chunks. */
  readonly openFraming: number;
  /** Nothing was written: the listener may answer. */
  refuse(error: PlatformError): void;
  /** Once, after the last byte or with what kept it from being written. */
  answered(): void;
}

/**
 * An answer whose body flows. `held`: the head waits while `pipe` runs, so that a body which is there already leaves in one write
 * with its length; `open`: head written, pieces follow; `flushing`: all is written, but not to the operating system; `over`: done was told.
 */
export class OwnAnswer implements BodySink {
  readonly #owner: AnswerOwner;
  readonly #writer: OwnWriter;
  readonly #status: number;
  readonly #headers: readonly string[];
  readonly #source: BodySource;
  readonly #done: (error?: Error) => void;
  #state: "held" | "open" | "flushing" | "over" = "held";
  #begun = false;
  #first: Buffer | null = null;
  #bytes = 0;
  #chunked = false;
  #full = false;

  constructor(owner: AnswerOwner, status: number, headers: readonly string[], source: BodySource, done: (error?: Error) => void) {
    this.#owner = owner;
    this.#writer = owner.writer;
    this.#status = status;
    this.#headers = headers;
    this.#source = source;
    this.#done = done;
  }

  /** Something of it was written. */
  get begun(): boolean {
    return this.#begun;
  }

  start(): void {
    if (this.#owner.method === "HEAD" || !mayHaveBody(this.#status)) {
      this.#source.cancel();
      if (this.#open(this.#source.bytes ?? this.#owner.openFraming)) this.#flush();
      return;
    }
    this.#source.pipe(this);
    if (this.#state === "held") this.#openEarly();
  }

  /** All of it was written already, but not to the operating system. */
  written(): void {
    this.#begun = true;
    this.#flush();
  }

  /** The body is still coming. */
  #openEarly(): void {
    this.#open(this.#source.bytes ?? this.#owner.openFraming);
  }

  chunk(data: Buffer): boolean {
    if (this.#state !== "held" && this.#state !== "open") return false;
    // A chunk of no bytes would end the body.
    if (data.length === 0) return !this.#full;
    const announced = this.#source.bytes;
    this.#bytes += data.length;
    if (announced !== undefined && this.#bytes > announced) {
      this.#source.cancel();
      this.fail(lengthBroken(announced));
      return false;
    }
    if (this.#state === "held") {
      if (this.#first === null) {
        this.#first = data;
        return true;
      }
      this.#openEarly();
    }
    return this.#state === "open" && this.#write("", data);
  }

  end(): void {
    if (this.#state !== "held" && this.#state !== "open") return;
    const announced = this.#source.bytes;
    if (announced !== undefined && this.#bytes < announced) return this.fail(lengthBroken(announced));
    if (this.#state === "held") {
      if (!this.#open(this.#bytes)) return;
    } else if (this.#chunked) this.#writer.write("0\r\n\r\n");
    this.#flush();
  }

  /** The source broke off: the client must see that the answer is not whole. */
  fail(error: Error): void {
    if (this.#state === "held") {
      this.#state = "over";
      this.#owner.refuse(asPlatformError(error));
      this.#done(error);
    } else if (this.#state === "open") {
      this.#writer.cut();
      this.#over(error);
    }
  }

  /** The client is away. */
  lost(reason: PlatformError): void {
    if (this.#state === "over") return;
    if (this.#state !== "flushing") this.#source.cancel();
    this.#writer.cut();
    this.#over(reason);
  }

  /** The client has read what waited. */
  drained(): void {
    if (!this.#full) return;
    this.#full = false;
    if (this.#state === "open") this.#source.resume();
  }

  /** Writes the head, with what there is of the body. */
  #open(framing: number): boolean {
    let head: string;
    try {
      head = this.#owner.head(this.#status, this.#headers, framing);
    } catch (error) {
      this.#source.cancel();
      this.fail(badHead(error));
      return false;
    }
    this.#state = "open";
    this.#begun = true;
    this.#chunked = framing === answerFraming.chunked;
    const first = this.#first;
    this.#first = null;
    if (first === null) this.#writer.write(head);
    else this.#write(head, first);
    return true;
  }

  #write(before: string, data: Buffer): boolean {
    const more = this.#chunked
      ? this.#writer.writePiece(`${before}${data.length.toString(16)}\r\n`, data, "\r\n")
      : this.#writer.writePiece(before, data, "");
    if (!more) this.#full = true;
    return more;
  }

  #flush(): void {
    this.#state = "flushing";
    if (this.#writer.flushed) this.#over();
    else this.#writer.whenFlushed(() => this.#over());
  }

  #over(error?: Error): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#owner.answered();
    this.#done(error);
  }
}
