import type { BodySink, BodySource } from "../lib/body.ts";
import { type FrameWriter, pieceBytesMax, type RoomWaiter } from "./frame-writer.ts";

/** The head of a stream: see `FrameWriter.headed`. */
export interface FeedHead {
  readonly type: number;
  readonly text: string;
  readonly bytes: Buffer;
}

/** Whose body is sent. */
export interface FeedOwner {
  /** The head of the first frame. */
  head(): FeedHead;
  /** The last frame is written. */
  fed(): void;
  /** The source broke off, or gave more or fewer bytes than it had announced (null). Nothing more is sent. */
  feedFailed(error: Error | null): void;
}

/**
 * Sends one body: its head with what of the body is there at once, which mostly is all of it, then the rest piece by piece: never more
 * than the other end gave credit for. `starting`: the head is not written; `held`: it is, and the source waits for the first credit;
 * `ended`: the source has, the last frame is not written; `over`: it is, or nobody wants it.
 */
export class BodyFeed implements BodySink, RoomWaiter {
  readonly #id: number;
  readonly #writer: FrameWriter;
  readonly #source: BodySource;
  readonly #owner: FeedOwner;
  /** Pieces not written yet; the first one from `#offset` on. */
  #waiting: Buffer[] = [];
  #offset = 0;
  #state: "starting" | "held" | "open" | "ended" | "over" = "starting";
  #begun = false;
  #endedEarly = false;
  #paused = false;
  #bytes = 0;
  /** What may still be sent. */
  #creditBytes: number;

  constructor(id: number, writer: FrameWriter, source: BodySource, creditBytes: number, owner: FeedOwner) {
    this.#id = id;
    this.#writer = writer;
    this.#source = source;
    this.#creditBytes = creditBytes;
    this.#owner = owner;
  }

  /** The first frame is written. */
  get begun(): boolean {
    return this.#begun;
  }

  get over(): boolean {
    return this.#state === "over";
  }

  /** Reads the source and writes the first frame with what came at once. */
  start(): void {
    this.#source.pipe(this);
    this.#open();
  }

  /** Writes the first frame, and reads the source only when there is credit. */
  startHeld(): void {
    this.#state = "held";
    this.#begin(null, false);
  }

  chunk(data: Buffer): boolean {
    if (this.#state === "over") return false;
    this.#bytes += data.length;
    const announced = this.#source.bytes;
    if (announced !== undefined && this.#bytes > announced) {
      this.#source.cancel();
      this.#fail(null);
      return false;
    }
    if (data.length > 0) this.#waiting.push(data);
    if (this.#state === "open") this.#send();
    // What comes before the first frame is written goes with it, or right behind.
    this.#paused = this.#state === "starting" ? this.#bytes >= this.#creditBytes : this.#waiting.length > 0;
    return !this.#paused;
  }

  end(): void {
    if (this.#state === "over" || this.#state === "ended") return;
    const announced = this.#source.bytes;
    if (announced !== undefined && this.#bytes < announced) return this.#fail(null);
    if (this.#state === "starting") this.#endedEarly = true;
    else {
      this.#state = "ended";
      this.#send();
    }
  }

  fail(error: Error): void {
    if (this.#state !== "over") this.#fail(error);
  }

  /** The other end takes so many bytes more. */
  credit(bytes: number): void {
    this.#creditBytes += bytes;
    if (this.#state === "held") {
      this.#state = "open";
      this.#source.pipe(this);
    } else if (this.#state === "open" || this.#state === "ended") this.pump();
  }

  /** There is room: writes what waits, then lets the source go on. */
  pump(): void {
    this.#send();
    if (this.#state !== "open" || !this.#paused || this.#waiting.length > 0) return;
    this.#paused = false;
    this.#source.resume();
  }

  /** Nobody wants the rest. */
  stop(): void {
    if (this.#state === "over") return;
    this.#end();
    this.#source.cancel();
  }

  #open(): void {
    if (this.#state === "over") return;
    this.#state = this.#endedEarly ? "ended" : "open";
    const piece = this.#next();
    const last = this.#isLast();
    this.#begin(piece, last);
    if (last) this.#fed();
    else this.pump();
  }

  #begin(piece: Buffer | null, last: boolean): void {
    const { type, text, bytes } = this.#owner.head();
    this.#begun = true;
    this.#writer.headed(type, this.#id, text, bytes, piece, last);
  }

  #send(): void {
    while (this.#state !== "over" && (this.#waiting.length > 0 || this.#state === "ended")) {
      if (this.#creditBytes === 0 && this.#waiting.length > 0) return;
      if (this.#writer.congested) {
        this.#writer.waitForRoom(this);
        return;
      }
      const piece = this.#next();
      const last = this.#isLast();
      this.#writer.body(this.#id, piece, last);
      if (last) this.#fed();
    }
  }

  #isLast(): boolean {
    return this.#state === "ended" && this.#waiting.length === 0;
  }

  #next(): Buffer | null {
    const first = this.#waiting[0];
    if (first === undefined || this.#creditBytes === 0) return null;
    const end = Math.min(first.length, this.#offset + Math.min(pieceBytesMax, this.#creditBytes));
    this.#creditBytes -= end - this.#offset;
    const piece = this.#offset === 0 && end === first.length ? first : first.subarray(this.#offset, end);
    this.#offset = end;
    if (end === first.length) {
      this.#waiting.shift();
      this.#offset = 0;
    }
    return piece;
  }

  #fed(): void {
    this.#state = "over";
    this.#owner.fed();
  }

  #fail(error: Error | null): void {
    this.#end();
    this.#owner.feedFailed(error);
  }

  #end(): void {
    this.#state = "over";
    this.#waiting = [];
    this.#writer.stopWaiting(this);
  }
}
