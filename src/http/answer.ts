import type { ServerResponse } from "node:http";
import type { BodySink, BodySource } from "../lib/body.ts";
import { asPlatformError, PlatformError } from "../model/error.ts";
import { framedHeaders, mayHaveBody } from "./response-headers.ts";

/** Whom an answer tells. */
export interface AnswerHooks {
  /** Nothing was written: somebody else may answer. */
  refused(error: PlatformError): void;
  /** Once, after the last byte was written or with what kept it from being. */
  done(error?: Error): void;
}

/** Up to this size copying a body costs less than a second piece in a write. */
const joinedBytesMax = 16 * 1024;

/**
 * An answer whose body flows. `held`: the head waits while `pipe` runs, so that a body which is there already leaves in one write
 * with its length; `open`: head written, chunks follow; `over`: done was told.
 */
export class Answer implements BodySink {
  readonly #outgoing: ServerResponse;
  readonly #method: string;
  readonly #status: number;
  readonly #headers: readonly string[];
  readonly #source: BodySource;
  readonly #hooks: AnswerHooks;
  #state: "held" | "open" | "over" = "held";
  #first: Buffer | null = null;
  #bytes = 0;
  /** The client reads more slowly than the source gives; somebody waits for `drain`. */
  #full = false;

  constructor(
    outgoing: ServerResponse,
    method: string,
    head: { readonly status: number; readonly headers: readonly string[] },
    source: BodySource,
    hooks: AnswerHooks,
  ) {
    this.#outgoing = outgoing;
    this.#method = method;
    this.#status = head.status;
    this.#headers = head.headers;
    this.#source = source;
    this.#hooks = hooks;
  }

  start(): void {
    if (this.#method === "HEAD" || !mayHaveBody(this.#status)) {
      this.#source.cancel();
      if (this.#open(this.#source.bytes)) this.#outgoing.end(() => this.#over());
      return;
    }
    this.#source.pipe(this);
    if (this.#state === "held") this.#openAndFlush();
  }

  chunk(data: Buffer): boolean {
    if (this.#state === "over") return false;
    this.#bytes += data.length;
    if (this.#source.bytes !== undefined && this.#bytes > this.#source.bytes) {
      this.#source.cancel();
      this.fail(lengthBroken(this.#source.bytes));
      return false;
    }
    if (this.#state === "held") {
      if (this.#first === null) {
        this.#first = data;
        return true;
      }
      this.#openAndFlush();
    }
    return this.#write(data);
  }

  end(): void {
    if (this.#state === "over") return;
    if (this.#source.bytes !== undefined && this.#bytes < this.#source.bytes) return this.fail(lengthBroken(this.#source.bytes));
    if (this.#state === "held" && !this.#open(this.#bytes)) return;
    this.#finish(this.#first);
    this.#first = null;
  }

  #finish(last: Buffer | null): void {
    const over = () => this.#over();
    if (last === null) this.#outgoing.end(over);
    // As text it is joined with the head and leaves in one write; two pieces would be a writev, which costs twice as much.
    else if (last.length <= joinedBytesMax) this.#outgoing.end(last.toString("latin1"), "latin1", over);
    else this.#outgoing.end(last, over);
  }

  /** The source broke off: the client must see that the answer is not whole. */
  fail(error: Error): void {
    if (this.#state === "over") return;
    if (this.#state === "held") {
      this.#state = "over";
      this.#hooks.refused(asPlatformError(error));
      this.#hooks.done(error);
      return;
    }
    this.#outgoing.destroy();
    this.#over(error);
  }

  /** The client is away. */
  lost(reason: PlatformError): void {
    if (this.#state === "over") return;
    this.#source.cancel();
    this.#outgoing.destroy();
    this.#over(reason);
  }

  #open(bytes: number | undefined): boolean {
    try {
      this.#outgoing.writeHead(this.#status, framedHeaders(this.#headers, bytes, this.#status, this.#method));
      this.#state = "open";
      return true;
    } catch (error) {
      this.#source.cancel();
      this.fail(badHead(error));
      return false;
    }
  }

  #openAndFlush(): void {
    if (!this.#open(this.#source.bytes)) return;
    const first = this.#first;
    this.#first = null;
    if (first === null) this.#outgoing.flushHeaders();
    else this.#write(first);
  }

  #write(data: Buffer): boolean {
    if (this.#state === "over") return false;
    if (this.#outgoing.write(data)) return true;
    if (this.#full) return false;
    this.#full = true;
    this.#outgoing.once("drain", () => {
      this.#full = false;
      this.#source.resume();
    });
    return false;
  }

  #over(error?: Error): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#hooks.done(error);
  }
}

/** A head that HTTP doesn't allow comes from a function's own headers; nothing of it was written. */
export function badHead(cause: unknown): PlatformError {
  return new PlatformError("function_protocol", "The answer has a status or a header that HTTP does not allow", { cause });
}

/** The source gave more or fewer bytes than it had announced. */
export function lengthBroken(bytes: number): PlatformError {
  return new PlatformError("function_protocol", `The answer's body is not of the ${bytes} bytes that were announced`);
}
