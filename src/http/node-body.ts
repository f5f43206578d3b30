import type { IncomingMessage } from "node:http";
import type { BodySink, BodySource } from "../lib/body.ts";
import { PlatformError } from "../model/error.ts";

/** The body of a request that has none: one object for all of them. */
export const noBody: BodySource = {
  bytes: 0,
  pipe: (sink) => sink.end(),
  resume() {},
  cancel() {},
};

/** What an incoming body tells its exchange. */
export interface IncomingBodyHooks {
  /** Somebody starts to read. */
  wanted(): void;
  /** Nobody reads on, though there may be more. */
  unwanted(): void;
}

/**
 * The body of a request as it arrives. `idle`: nobody asked yet, the parser holds back after a few KiB; `reading`: chunks go to the sink;
 * `over`: it ended, failed or was cancelled, and the sink hears nothing more.
 */
export class IncomingBody implements BodySource {
  readonly bytes: number | undefined;
  readonly #incoming: IncomingMessage;
  readonly #bytesMax: number;
  readonly #hooks: IncomingBodyHooks;
  #state: "idle" | "reading" | "over" = "idle";
  #sink: BodySink | null = null;
  #total = 0;
  #failure: PlatformError | null = null;

  constructor(incoming: IncomingMessage, bytes: number | undefined, bytesMax: number, hooks: IncomingBodyHooks) {
    this.#incoming = incoming;
    this.bytes = bytes;
    this.#bytesMax = bytesMax;
    this.#hooks = hooks;
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
    if (this.#takeWhole()) return;
    this.#incoming.on("data", this.#onData);
    // With a known length the last chunk is the end; Node would tell a turn of the event loop later.
    if (this.bytes === undefined) this.#incoming.on("end", this.#onEnd);
  }

  /** A body that has arrived already is given at once; as events it would come two turns later, and in pieces to whoever passes it on. */
  #takeWhole(): boolean {
    const incoming = this.#incoming;
    if (incoming.readableLength === 0 || incoming.readableLength !== this.bytes) return false;
    const whole = incoming.read() as Buffer;
    // For node:http a request is over when its stream has ended.
    incoming.resume();
    this.#onData(whole);
    return true;
  }

  resume(): void {
    if (this.#state === "reading") this.#incoming.resume();
  }

  cancel(): void {
    if (this.#state === "over") return;
    this.#stop();
    this.#hooks.unwanted();
  }

  /** Ends the body with an error; true when somebody was reading and heard of it. */
  fail(error: PlatformError): boolean {
    if (this.#state === "over") return false;
    const heard = this.#state === "reading";
    const sink = this.#sink;
    this.#failure = error;
    this.#stop();
    this.#hooks.unwanted();
    sink?.fail(error);
    return heard;
  }

  readonly #onData = (data: Buffer): void => {
    this.#total += data.length;
    if (this.#total > this.#bytesMax) {
      this.fail(bodyTooLarge(this.#bytesMax));
      return;
    }
    const more = (this.#sink as BodySink).chunk(data);
    if (this.#state !== "reading") return;
    if (this.#total === this.bytes) this.#onEnd();
    else if (!more) this.#incoming.pause();
  };

  readonly #onEnd = (): void => {
    const sink = this.#sink as BodySink;
    this.#state = "over";
    this.#sink = null;
    sink.end();
  };

  #stop(): void {
    this.#state = "over";
    this.#sink = null;
    this.#incoming.off("data", this.#onData);
    this.#incoming.off("end", this.#onEnd);
    this.#incoming.pause();
  }
}

/** 413, naming the bound. */
export function bodyTooLarge(bytesMax: number): PlatformError {
  return new PlatformError("too_large", `The request body is larger than the limit of ${bytesMax} bytes`, {
    details: { limitBytes: bytesMax },
  });
}
