import type { Duplex } from "node:stream";
import { PlatformError } from "../../model/error.ts";
import { FrameWriter } from "../../wire/frame-writer.ts";
import { FrameReader, flagEnd, frameType, textFrame } from "../../wire/frames.ts";

/** Calls of its sample that a runtime answers: afterwards a first call of real code takes a third of what it took. */
const rehearsalCalls = 20;
/** Ids of these calls: a session counts from 1, and an id is never used twice on a connection. */
const firstId = 0xffff_f000;

/** A runtime that waits for its code. What it sends unasked makes it unusable, but for what it prints. */
export interface BlankRuntime {
  readonly usable: boolean;
  /** Gives the connection away, to whoever sends `init`, and what the runtime said of itself. */
  release(): { readonly connection: Duplex; readonly hello: Buffer };
  close(): void;
}

/**
 * Waits for hello, and lets the runtime rehearse (docs/frames.md): it loads a sample of its own and answers calls of it. Rejects with
 * `unsupported` when it can't, with `function_start_failed` when it ends or breaks its contract.
 */
export async function openBlank(connection: Duplex, signal: AbortSignal): Promise<BlankRuntime> {
  return await new Promise((resolve, reject) => {
    const rehearsal = new Rehearsal(connection, (error) => {
      signal.removeEventListener("abort", abort);
      if (error === null) resolve(rehearsal);
      else reject(error);
    });
    const abort = () => rehearsal.fail(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
  });
}

/** It waits for *hello*, then for the sample to be *ready*, then for each call's end; *done* is what is offered, *broken* final. */
class Rehearsal implements BlankRuntime {
  readonly #connection: Duplex;
  readonly #writer: FrameWriter;
  readonly #settled: (error: Error | null) => void;
  #state: "hello" | "ready" | "calls" | "done" | "released" | "broken" = "hello";
  #calls = 0;
  #hello: Buffer = Buffer.alloc(0);
  readonly #onData: (data: Buffer) => void;
  readonly #onEnd = () => this.fail(new PlatformError("function_start_failed", "The runtime ended before it had any code"));

  constructor(connection: Duplex, settled: (error: Error | null) => void) {
    this.#connection = connection;
    this.#writer = new FrameWriter(connection, false);
    this.#settled = settled;
    const reader = new FrameReader((type, id, flags, payload) => this.#hear(type, id, flags, payload));
    this.#onData = (data) => this.#read(reader, data);
    connection.on("data", this.#onData);
    connection.on("error", ignore);
    connection.once("end", this.#onEnd);
    connection.once("close", this.#onEnd);
  }

  get usable(): boolean {
    return this.#state === "done" && !this.#connection.destroyed;
  }

  release(): ReturnType<BlankRuntime["release"]> {
    this.#state = "released";
    this.#connection.off("data", this.#onData).off("end", this.#onEnd).off("close", this.#onEnd);
    return { connection: this.#connection, hello: this.#hello };
  }

  close(): void {
    this.fail(new PlatformError("cancelled", "The runtime was closed"));
  }

  fail(error: Error): void {
    if (this.#state === "released" || this.#state === "broken") return;
    this.#state = "broken";
    this.#connection.destroy();
    this.#settled(error);
  }

  #read(reader: FrameReader, data: Buffer): void {
    try {
      reader.push(data);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#breach("what is no frame");
    }
  }

  #hear(type: number, id: number, flags: number, payload: Buffer): void {
    if (type === frameType.log || this.#state === "broken") return;
    if (this.#state === "hello" && type === frameType.hello) this.#greet(Buffer.from(payload));
    else if (this.#state === "ready" && type === frameType.ready) this.#goOn("calls");
    else if (this.#state === "calls" && type === frameType.result && id === firstId + this.#calls && (flags & flagEnd) !== 0) {
      this.#calls++;
      this.#goOn("calls");
    } else this.#breach(`a frame of type ${type} in its rehearsal`);
  }

  #greet(hello: Buffer): void {
    this.#hello = hello;
    if (!/"rehearses" *: *true/.test(hello.toString())) {
      return this.fail(new PlatformError("unsupported", "The runtime of this kind cannot be started without code"));
    }
    this.#state = "ready";
    this.#writer.write(textFrame(frameType.rehearse, 0, "{}"));
  }

  #goOn(state: "calls"): void {
    this.#state = state;
    if (this.#calls < rehearsalCalls) this.#writer.headed(frameType.call, firstId + this.#calls, fields, lines, body, true);
    else {
      this.#state = "done";
      this.#settled(null);
    }
  }

  #breach(what: string): void {
    this.fail(new PlatformError("function_start_failed", `The runtime broke its contract (docs/frames.md): it sent ${what}`));
  }
}

const fields = ":call:01JD0000000000000000000000\n:deadline:4102444800000\n";
const lines = Buffer.from("content-type:application/json\n");
const body = Buffer.from('{"name":"sample"}');

function ignore(): void {}
