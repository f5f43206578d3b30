import type { CancelSignal } from "../../lib/cancel.ts";
import type { Duplex } from "node:stream";
import { type BodySink, type BodySource, bytesBody, writeBody } from "../../lib/body.ts";
import { StdioExitError } from "../../lib/exit-error.ts";
import type { World } from "../../lib/world.ts";
import { PlatformError } from "../../model/error.ts";
import type { FunctionRequest, FunctionResponse, Session } from "../protocol.ts";

/** A program that prints this much has answered, whatever its exit status will be. */
const heldBytesMax = 64 * 1024;

/** So has one that printed something and goes on for this long. */
const heldMsMax = 100;

/** One program for one call. */
export class StdioSession implements Session {
  readonly #stream: Duplex;
  readonly #world: World;
  #usable = true;
  #reader: ResultReader | null = null;

  constructor(stream: Duplex, world: World) {
    this.#stream = stream;
    this.#world = world;
    // A program that ends before its call; the call then finds out.
    stream.on("error", () => {});
  }

  get usable(): boolean {
    return this.#usable;
  }

  call(request: FunctionRequest, signal: CancelSignal): Promise<FunctionResponse> {
    if (!this.#usable || signal.aborted) {
      request.body.cancel();
      this.close();
      return Promise.reject(
        signal.aborted ? signal.reason : new PlatformError("function_protocol", "The program has had its call"),
      );
    }
    this.#usable = false;
    return new Promise((resolve, reject) => {
      const reader = new ResultReader(this.#stream, this.#world, signal, { resolve, reject });
      this.#reader = reader;
      // A program may answer without reading all it was given, so that is no failure; a caller who breaks off is one.
      writeBody(
        watched(request.body, (error) => reader.abort(error)),
        this.#stream,
        () => {},
      );
    });
  }

  close(): void {
    this.#usable = false;
    this.#reader?.abort(new PlatformError("function_exited", "The session was closed"));
    this.#stream.destroy();
  }
}

/** A body whose own failure is heard apart from the receiver's. */
function watched(source: BodySource, failed: (error: Error) => void): BodySource {
  return {
    bytes: source.bytes,
    pipe(sink: BodySink) {
      source.pipe({
        chunk: (data) => sink.chunk(data),
        end: () => sink.end(),
        fail(error) {
          failed(error);
          sink.fail(error);
        },
      });
    },
    resume: () => source.resume(),
    cancel: () => source.cancel(),
  };
}

interface Settle {
  resolve(response: FunctionResponse): void;
  reject(error: Error): void;
}

/**
 * Reads what the program prints. `holding`: it may still fail, so the answer is kept back. `streaming`: the answer has begun and
 * what comes is passed on. `over`: ended, failed or not wanted any more.
 */
class ResultReader implements BodySource {
  readonly bytes = undefined;
  readonly #stream: Duplex;
  readonly #world: World;
  readonly #signal: CancelSignal;
  readonly #settle: Settle;
  #state: "holding" | "streaming" | "over" = "holding";
  #held: Buffer[] = [];
  #heldBytes = 0;
  #timerOff: (() => void) | null = null;
  #sink: BodySink | null = null;
  #paused = false;
  #ended = false;
  #failure: Error | null = null;

  constructor(stream: Duplex, world: World, signal: CancelSignal, settle: Settle) {
    this.#stream = stream;
    this.#world = world;
    this.#signal = signal;
    this.#settle = settle;
    signal.addEventListener("abort", this.#aborted);
    if (stream.destroyed) this.#fail(exited(stream.errored));
    stream.on("data", (data: Buffer) => this.#take(data));
    stream.on("end", () => this.#end());
    stream.on("error", (error) => this.#fail(exited(error)));
    stream.on("close", () => this.#fail(exited(null)));
  }

  /** Ends the program's connection; the call or its body fails with `error`. */
  abort(error: Error): void {
    this.#fail(error);
    this.#stream.destroy();
  }

  readonly #aborted = (): void => {
    this.#ended = false;
    this.abort(this.#signal.reason as Error);
  };

  #take(data: Buffer): void {
    if (this.#state === "over") return;
    if (this.#sink !== null && !this.#paused) {
      this.#give(data);
      return;
    }
    this.#held.push(data);
    this.#heldBytes += data.length;
    if (this.#state === "streaming") this.#stream.pause();
    else if (this.#heldBytes >= heldBytesMax) this.#begin();
    else this.#timerOff ??= this.#world.after(heldMsMax, () => this.#begin());
  }

  #begin(): void {
    if (this.#state !== "holding") return;
    this.#state = "streaming";
    this.#timerOff?.();
    this.#settle.resolve({ status: 200, headers: [], body: this });
  }

  #end(): void {
    if (this.#state === "streaming") {
      this.#ended = true;
      this.#flush();
    } else if (this.#state === "holding") {
      this.#finish();
      this.#settle.resolve({ status: 200, headers: [], body: bytesBody(Buffer.concat(this.#held)) });
    }
    // Whatever the program did not read of its input is not wanted any more.
    this.#stream.destroy();
  }

  #fail(error: Error): void {
    if (this.#ended) return;
    const state = this.#state;
    this.#finish();
    if (state === "holding") this.#settle.reject(error);
    if (state !== "streaming") return;
    this.#failure = error;
    this.#sink?.fail(error);
  }

  #finish(): void {
    this.#state = "over";
    this.#timerOff?.();
    this.#signal.removeEventListener("abort", this.#aborted);
  }

  #give(data: Buffer): void {
    if (this.#sink?.chunk(data) !== false) return;
    this.#paused = true;
    this.#stream.pause();
  }

  pipe(sink: BodySink): void {
    if (this.#failure !== null) {
      sink.fail(this.#failure);
      return;
    }
    this.#sink = sink;
    this.#flush();
  }

  resume(): void {
    this.#paused = false;
    this.#flush();
  }

  #flush(): void {
    while (this.#held.length > 0 && !this.#paused && this.#sink !== null) this.#give(this.#held.shift() as Buffer);
    if (this.#paused || this.#state !== "streaming" || this.#sink === null) return;
    if (!this.#ended) {
      this.#stream.resume();
      return;
    }
    this.#finish();
    this.#sink.end();
  }

  cancel(): void {
    this.#finish();
    this.#sink = null;
    this.#held = [];
    this.#stream.destroy();
  }
}

function exited(error: Error | null): PlatformError {
  if (!(error instanceof StdioExitError)) {
    return new PlatformError("function_exited", "The program closed its output before it ended", { cause: error ?? undefined });
  }
  const { exitCode, signal } = error;
  if (signal !== null) return new PlatformError("function_exited", error.message, { details: { signal } });
  return new PlatformError("function_failed", error.message, { details: { exitCode } });
}
