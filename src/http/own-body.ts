import type { BodySink, BodySource } from "../lib/body.ts";
import type { PlatformError } from "../model/error.ts";
import type { PieceTaker } from "../wire/http1-server-chunks.ts";
import { bodyTooLarge } from "./node-body.ts";

/** Where the body's bytes come from, and whom it tells. */
export interface OwnBodyHooks {
  /** Hands the body what has come of it; true once it is complete. What is wrong with it goes to `fail`. */
  read(taker: PieceTaker): boolean;
  /** Somebody starts to read. */
  wanted(): void;
  /** It was read to its end. */
  ended(): void;
  /** Nobody reads on, though there may be more. */
  unwanted(): void;
}

/** Bytes of a body in chunks that are taken ahead of its reader. */
const aheadBytesMax = 64 * 1024;

/**
 * The body of a request on a connection of our own. `idle`: nobody asked yet, a few pieces wait here and then the connection holds back;
 * `reading`: pieces go to the sink; `over`: it ended, failed or was cancelled, and the sink hears nothing more.
 */
export class OwnBody implements BodySource, PieceTaker {
  readonly bytes: number | undefined;
  readonly #bytesMax: number;
  readonly #hooks: OwnBodyHooks;
  #state: "idle" | "reading" | "over" = "idle";
  #sink: BodySink | null = null;
  #flowing = true;
  #pumping = false;
  #arrived = false;
  #ahead: Buffer[] = [];
  #total = 0;
  #failure: PlatformError | null = null;

  constructor(bytes: number | undefined, bytesMax: number, hooks: OwnBodyHooks) {
    this.bytes = bytes;
    this.#bytesMax = bytesMax;
    this.#hooks = hooks;
  }

  /** All of it is here or was handed on: it needs its connection no more. */
  get arrived(): boolean {
    return this.#arrived;
  }

  /** It ended, failed or was cancelled. */
  get over(): boolean {
    return this.#state === "over";
  }

  get reading(): boolean {
    return this.#state === "reading";
  }

  pipe(sink: BodySink): void {
    if (this.#failure !== null) return sink.fail(this.#failure);
    if (this.#state !== "idle") throw new Error("This body was read or cancelled already");
    this.#state = "reading";
    this.#sink = sink;
    this.#hooks.wanted();
    this.pump();
  }

  resume(): void {
    this.#flowing = true;
    this.pump();
  }

  cancel(): void {
    if (this.#state !== "over") this.#stop();
  }

  /** Ends the body with an error; true when somebody was reading and hears of it. */
  fail(error: PlatformError): boolean {
    if (this.#state === "over") return false;
    const heard = this.#state === "reading";
    const sink = this.#sink;
    this.#failure = error;
    this.#stop();
    sink?.fail(error);
    return heard;
  }

  /** Takes what has come, if the sink wants it. */
  pump(): void {
    if (this.#pumping || !this.#flowing || this.#state === "over") return;
    this.#pumping = true;
    if (this.#state === "reading") this.#giveAhead();
    if (this.#flowing && !this.#arrived && this.#wants()) this.#arrived = this.#hooks.read(this);
    this.#pumping = false;
    if (this.over) {
      // What was left while the connection's reader was at work is thrown away only now.
      this.#hooks.unwanted();
    } else if (this.#arrived && this.#state === "reading" && this.#ahead.length === 0) this.#end();
  }

  /** For the connection's reader only. */
  piece(data: Buffer): boolean {
    if (this.#state === "over") return false;
    this.#total += data.length;
    if (this.#total > this.#bytesMax) {
      this.fail(bodyTooLarge(this.#bytesMax));
      return false;
    }
    if (this.#state === "idle") {
      this.#ahead.push(data);
      return this.#wants();
    }
    this.#flowing = (this.#sink as BodySink).chunk(data);
    return this.#flowing;
  }

  #giveAhead(): void {
    while (this.#flowing && this.#state === "reading" && this.#ahead.length > 0) {
      this.#flowing = (this.#sink as BodySink).chunk(this.#ahead.shift() as Buffer);
    }
  }

  /** Before somebody reads, only chunks are taken, and only some: a body of known length can't be wrong. */
  #wants(): boolean {
    return this.#state === "reading" || (this.#state === "idle" && this.bytes === undefined && this.#total < aheadBytesMax);
  }

  #end(): void {
    const sink = this.#sink as BodySink;
    this.#state = "over";
    this.#sink = null;
    sink.end();
    this.#hooks.ended();
  }

  #stop(): void {
    this.#state = "over";
    this.#sink = null;
    this.#ahead = [];
    if (!this.#pumping) this.#hooks.unwanted();
  }
}
