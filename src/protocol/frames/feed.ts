import type { BodySink, BodySource } from "../../lib/body.ts";
import { type Outbox, pieceBytesMax, type RoomWaiter } from "./outbox.ts";

/**
 * Sends one request: its head with what of the body is there at once, which mostly is all of it, then the rest piece by piece as the
 * code takes it: never more than it gave credit for.
 */
export class RequestFeed implements BodySink, RoomWaiter {
  readonly #id: number;
  readonly #outbox: Outbox;
  readonly #source: BodySource;
  readonly #failed: (error: Error) => void;
  /** Pieces not written yet; the first one from `#offset` on. */
  #waiting: Buffer[] = [];
  #offset = 0;
  /** `starting`: the head is not written; `ended`: the source has, the last frame is not written; `over`: it is, or nobody wants it. */
  #state: "starting" | "open" | "ended" | "over" = "starting";
  #endedEarly = false;
  #paused = false;
  /** What may still be sent. */
  #creditBytes: number;

  constructor(id: number, outbox: Outbox, source: BodySource, creditBytes: number, failed: (error: Error) => void) {
    this.#id = id;
    this.#outbox = outbox;
    this.#source = source;
    this.#creditBytes = creditBytes;
    this.#failed = failed;
  }

  /** `fields`, `lines`: the head (`outbox.ts`). */
  start(fields: string, lines: Buffer): void {
    this.#source.pipe(this);
    if (this.#state === "over") return;
    const piece = this.#next();
    this.#state = this.#endedEarly ? "ended" : "open";
    const last = this.#isLast();
    this.#outbox.call(this.#id, fields, lines, piece, last);
    if (last) this.#state = "over";
    else this.pump();
  }

  chunk(data: Buffer): boolean {
    if (this.#state === "over") return false;
    if (data.length > 0) this.#waiting.push(data);
    if (this.#state === "open") this.#send();
    this.#paused = this.#waiting.length > 0;
    return !this.#paused;
  }

  end(): void {
    if (this.#state === "starting") this.#endedEarly = true;
    if (this.#state !== "open") return;
    this.#state = "ended";
    this.#send();
  }

  fail(error: Error): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#failed(error);
  }

  /** The code takes so many bytes more. */
  credit(bytes: number): void {
    this.#creditBytes += bytes;
    if (this.#state === "open" || this.#state === "ended") this.pump();
  }

  /** There is room: writes what waits, then lets the source go on. */
  pump(): void {
    this.#send();
    if (this.#state !== "open" || !this.#paused || this.#waiting.length > 0) return;
    this.#paused = false;
    this.#source.resume();
  }

  /** Nobody wants the rest of the request. */
  stop(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#waiting = [];
    this.#outbox.stopWaiting(this);
    this.#source.cancel();
  }

  #send(): void {
    while (this.#state !== "over" && (this.#waiting.length > 0 || this.#state === "ended")) {
      if (this.#creditBytes === 0 && this.#waiting.length > 0) return;
      if (this.#outbox.congested) {
        this.#outbox.waitForRoom(this);
        return;
      }
      const piece = this.#next();
      const last = this.#isLast();
      this.#outbox.body(this.#id, piece, last);
      if (last) this.#state = "over";
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
}
