import type { BodySink, BodySource } from "../../lib/body.ts";
import { Breach } from "./heads.ts";

/** What an answer tells its call. */
export interface AnswerOwner {
  /** The reader has taken so many bytes more: the code may send as many. */
  taken(bytes: number): void;
  /** The reader wants no more. */
  dropped(): void;
}

/**
 * The body of an answer whose frames are still coming. Pieces wait here until somebody reads, and never more than the window: the
 * code gets credit for what its reader took, half a window at a time, so that short answers cost none.
 */
export class AnswerBody implements BodySource {
  readonly bytes = undefined;
  readonly #owner: AnswerOwner;
  readonly #windowBytes: number;
  #sink: BodySink | null = null;
  #waiting: Buffer[] = [];
  /** What the code may still send, and what it gets credit for next. */
  #creditBytes: number;
  #takenBytes = 0;
  /** `open`: frames come; `ended` or an error: they ended, the sink may not know yet; `done`: it knows, or does not care. */
  #state: "open" | "ended" | "done" | Error = "open";
  #flowing = false;

  constructor(owner: AnswerOwner, windowBytes: number) {
    this.#owner = owner;
    this.#windowBytes = windowBytes;
    this.#creditBytes = windowBytes;
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

  /** A piece from the code. Throws `Breach` when there was no credit for it. */
  push(data: Buffer): void {
    if (this.#state !== "open" || data.length === 0) return;
    this.#creditBytes -= data.length;
    if (this.#creditBytes < 0) throw new Breach(`${-this.#creditBytes} bytes more of an answer than it had credit for`);
    if (this.#flowing) this.#give(data);
    else this.#waiting.push(data);
  }

  /** No more pieces: the body is whole, or broken off by `error`. */
  close(error?: Error): void {
    if (this.#state !== "open") return;
    this.#state = error ?? "ended";
    if (this.#flowing) this.#settle();
  }

  #give(data: Buffer): void {
    this.#flowing = (this.#sink as BodySink).chunk(data);
    this.#takenBytes += data.length;
    if (this.#state !== "open" || this.#takenBytes < this.#windowBytes / 2) return;
    this.#creditBytes += this.#takenBytes;
    this.#owner.taken(this.#takenBytes);
    this.#takenBytes = 0;
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
  }
}
