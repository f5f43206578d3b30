import type { BodySink, BodySource } from "../../lib/body.ts";
import type { PieceTaker } from "../../wire/http1-server-chunks.ts";
import { chunkedFraming } from "../../wire/http1-server-head.ts";
import type { RequestReader } from "../../wire/http1-server-reader.ts";
import { PlatformError } from "../../model/error.ts";

/** What a body tells its connection. */
export interface PostedBodyOwner {
  ended(): void;
  /** It is not what HTTP allows. */
  broken(error: Error): void;
  /** Some of it was read. */
  taken(): void;
}

/** A runtime that goes on sending what nobody wants is cut off after so many bytes. */
const unwantedBytesMax = 64 * 1024 * 1024;

/** The body of a request, which flows when somebody pipes it; `drop` throws the rest away. Its end is told to its connection in any case. */
export class PostedBody implements BodySource, PieceTaker {
  readonly bytes: number | undefined;
  readonly #reader: RequestReader;
  readonly #owner: PostedBodyOwner;
  #sink: BodySink | null = null;
  #state: "idle" | "flowing" | "held" | "dropped" | "over" = "idle";
  #unwantedBytes = 0;
  #pumping = false;

  constructor(reader: RequestReader, framing: number, owner: PostedBodyOwner) {
    this.#reader = reader;
    this.#owner = owner;
    this.bytes = framing === chunkedFraming ? undefined : framing;
    if (reader.bodyComplete) this.#state = "over";
  }

  /** Nothing of it is left on the connection. */
  get over(): boolean {
    return this.#state === "over";
  }

  /** Names and values by turns; there once it has ended. */
  get trailers(): readonly string[] {
    return this.#reader.trailers;
  }

  take(): Buffer | null {
    if (this.bytes === 0) return Buffer.alloc(0);
    const whole = this.#state === "idle" ? this.#reader.takeBody() : null;
    if (whole !== null) this.#state = "over";
    return whole;
  }

  pipe(sink: BodySink): void {
    if (this.#state === "over") return sink.end();
    this.#sink = sink;
    this.#state = "flowing";
    this.pump();
  }

  resume(): void {
    if (this.#state !== "held") return;
    this.#state = "flowing";
    this.pump();
  }

  cancel(): void {
    if (this.#state === "over") return;
    this.#sink = null;
    this.#state = "dropped";
    this.pump();
  }

  /** Hands on what has come. */
  pump(): void {
    if (this.#pumping || this.#state === "idle" || this.#state === "held" || this.#state === "over") return;
    this.#pumping = true;
    try {
      if (this.#reader.readBody(this)) this.#end();
    } catch (error) {
      this.#fail(error as Error);
      this.#owner.broken(error as Error);
    } finally {
      this.#pumping = false;
    }
    this.#owner.taken();
  }

  piece(data: Buffer): boolean {
    if (this.#state === "dropped") {
      this.#unwantedBytes += data.length;
      if (this.#unwantedBytes > unwantedBytesMax) throw new Error("It sends more than anybody wants");
      return true;
    }
    if (this.#sink?.chunk(data) === false && this.#state === "flowing") this.#state = "held";
    return this.#isOn();
  }

  /** The connection is gone. */
  lost(): void {
    this.#fail(truncated());
  }

  /** What a sink does may have changed it. */
  #isOn(): boolean {
    return this.#state === "flowing" || this.#state === "dropped";
  }

  #end(): void {
    const sink = this.#sink;
    this.#sink = null;
    this.#state = "over";
    sink?.end();
    this.#owner.ended();
  }

  #fail(error: Error): void {
    if (this.#state === "over") return;
    const sink = this.#sink;
    this.#sink = null;
    this.#state = "over";
    sink?.fail(error);
  }
}

function truncated(): PlatformError {
  return new PlatformError("function_protocol", "The runtime broke off its response (Runtime.TruncatedResponse)", {
    details: { type: "Runtime.TruncatedResponse" },
  });
}
