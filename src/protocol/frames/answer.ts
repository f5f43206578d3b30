import type { BodySink, BodySource } from "../../lib/body.ts";

/** So far the code may be ahead of the caller before the connection is held back, in bytes. */
export const aheadBytesMax = 256 * 1024;

/** What an answer does to its connection. */
export interface AnswerOwner {
  /** The reader has fallen behind (true) or caught up (false). */
  held(held: boolean): void;
  /** The reader wants no more. */
  dropped(): void;
}

/**
 * The body of an answer whose frames are still coming. Pieces wait here until somebody reads; beyond `aheadBytesMax` the
 * connection is held back, and with it the other calls on it until the format has credit.
 */
export class AnswerBody implements BodySource {
  readonly bytes = undefined;
  readonly #owner: AnswerOwner;
  #sink: BodySink | null = null;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** `open`: frames come; `ended` or an error: they ended, the sink may not know yet; `done`: it knows, or does not care. */
  #state: "open" | "ended" | "done" | Error = "open";
  #flowing = false;
  #holding = false;

  constructor(owner: AnswerOwner) {
    this.#owner = owner;
  }

  pipe(sink: BodySink): void {
    this.#sink = sink;
    this.resume();
  }

  resume(): void {
    this.#flowing = true;
    while (this.#flowing && this.#waiting.length > 0 && this.#state !== "done") this.#give(this.#waiting.shift() as Buffer);
    if (this.#flowing) this.#settle();
  }

  cancel(): void {
    if (this.#state === "done") return;
    const open = this.#state === "open";
    this.#finish();
    if (open) this.#owner.dropped();
  }

  /** A piece from the code. */
  push(data: Buffer): void {
    if (this.#state !== "open" || data.length === 0) return;
    if (this.#flowing) {
      this.#flowing = (this.#sink as BodySink).chunk(data);
      return;
    }
    this.#waiting.push(data);
    this.#waitingBytes += data.length;
    this.#hold();
  }

  /** No more pieces: the body is whole, or broken off by `error`. */
  close(error?: Error): void {
    if (this.#state !== "open") return;
    this.#state = error ?? "ended";
    this.#hold();
    if (this.#flowing) this.#settle();
  }

  #give(data: Buffer): void {
    this.#waitingBytes -= data.length;
    this.#flowing = (this.#sink as BodySink).chunk(data);
    this.#hold();
  }

  #settle(): void {
    const state = this.#state;
    if (state === "open" || state === "done" || this.#waiting.length > 0) return;
    this.#finish();
    if (state === "ended") this.#sink?.end();
    else this.#sink?.fail(state);
  }

  #finish(): void {
    this.#state = "done";
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#hold();
  }

  #hold(): void {
    const holding = this.#state === "open" && this.#waitingBytes > aheadBytesMax;
    if (holding === this.#holding) return;
    this.#holding = holding;
    this.#owner.held(holding);
  }
}
