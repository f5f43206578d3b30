import type { BodySink, BodySource } from "../lib/body.ts";

/** What a body tells the stream it belongs to. */
export interface ArrivingOwner {
  /** The reader takes so many bytes more. */
  taken(bytes: number): void;
  /** The reader wants no more. */
  dropped(): void;
}

/** A piece that is to stay for a while: as a small part of what was read at once it would keep all of that in memory. */
export function ownPiece(data: Buffer): Buffer {
  return data.length < data.buffer.byteLength / 2 ? Buffer.from(data) : data;
}

/**
 * A body whose frames are still coming. Pieces wait here until somebody reads, and never more than the credit that was given: for what the
 * reader took, half a window at a time, so that short bodies cost none.
 */
export class ArrivingBody implements BodySource {
  readonly bytes: number | undefined;
  readonly #owner: ArrivingOwner;
  readonly #windowBytes: number;
  #sink: BodySink | null = null;
  #waiting: Buffer[] = [];
  /** What the other end may still send, and what it gets credit for next. */
  #creditBytes: number;
  #takenBytes = 0;
  /** `open`: frames come; `ended` or an error: they ended, the sink may not know yet; `done`: it knows, or does not care. */
  #state: "open" | "ended" | "done" | Error = "open";
  #flowing = false;

  /** Without `credited` nothing is sent before somebody reads. */
  constructor(owner: ArrivingOwner, bytes: number | undefined, windowBytes: number, credited: boolean) {
    this.#owner = owner;
    this.bytes = bytes;
    this.#windowBytes = windowBytes;
    this.#creditBytes = credited ? windowBytes : 0;
  }

  /** Somebody reads and has not heard the end. */
  get reading(): boolean {
    return this.#sink !== null && this.#state !== "done";
  }

  /** Frames may still come. */
  get open(): boolean {
    return this.#state === "open";
  }

  pipe(sink: BodySink): void {
    if (this.#sink !== null || this.#state === "done") throw new Error("This body was read or cancelled already");
    this.#sink = sink;
    if (this.#creditBytes === 0 && this.#state === "open" && this.#waiting.length === 0) this.#credit(this.#windowBytes);
    this.resume();
  }

  resume(): void {
    if (this.#sink === null) return;
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

  /** A piece that came. Throws `RangeError` when there was no credit for it. */
  push(data: Buffer): void {
    if (this.#state !== "open" || data.length === 0) return;
    this.#creditBytes -= data.length;
    if (this.#creditBytes < 0) throw new RangeError(`${-this.#creditBytes} bytes more of a body than there was credit for`);
    if (this.#flowing) this.#give(data);
    else this.#waiting.push(ownPiece(data));
  }

  /** No more pieces: the body is whole, or broken off by `error`. */
  close(error?: Error): void {
    if (this.#state !== "open") return;
    this.#state = error ?? "ended";
    if (error !== undefined) this.#waiting = [];
    if (this.#flowing || (error !== undefined && this.#sink !== null)) this.#settle();
  }

  #give(data: Buffer): void {
    this.#flowing = (this.#sink as BodySink).chunk(data);
    this.#takenBytes += data.length;
    if (this.#state === "open" && this.#takenBytes >= this.#windowBytes / 2) this.#credit(this.#takenBytes);
  }

  #credit(bytes: number): void {
    this.#takenBytes = 0;
    this.#creditBytes += bytes;
    this.#owner.taken(bytes);
  }

  #settle(): void {
    const state = this.#state;
    if (state === "open" || state === "done" || this.#waiting.length > 0) return;
    const sink = this.#sink;
    this.#finish();
    if (state === "ended") sink?.end();
    else sink?.fail(state);
  }

  #finish(): void {
    this.#state = "done";
    this.#waiting = [];
  }
}
