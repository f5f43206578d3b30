/** STDIN and STDOUT of a program behind the spawner as one stream, with back-pressure both ways. */
import { Duplex } from "node:stream";
import { StdioExitError } from "../../lib/exit-error.ts";
import { flagEnd, frameType } from "../../wire/frames.ts";
import type { SandboxExit } from "../sandbox.ts";
import { windowBytes } from "./messages.ts";

/** Writing is STDIN (its end closes it), reading is STDOUT. It ends when the program did: with `StdioExitError` unless that went well. */
export class StdioStream extends Duplex {
  readonly #send: (type: number, payload: Buffer, flags: number) => void;
  #creditBytes = windowBytes;
  #waiting: (() => void) | null = null;
  /** Taken from the link and not yet asked for by a reader. */
  #owedBytes = 0;
  #ended = false;

  constructor(send: (type: number, payload: Buffer, flags: number) => void) {
    super({ allowHalfOpen: true });
    // Whoever reads hears of a bad end; where nobody does, it must not be an uncaught error of the server.
    this.on("error", () => {});
    this.#send = send;
  }

  receive(data: Buffer): void {
    if (this.#ended || data.length === 0) return;
    this.#owedBytes += data.length;
    if (this.push(data)) this.#pay();
  }

  credit(bytes: number): void {
    this.#creditBytes += bytes;
    const waiting = this.#waiting;
    if (waiting === null || this.#creditBytes <= 0) return;
    this.#waiting = null;
    waiting();
  }

  /** The program has ended and all its output was received; what is still written goes nowhere. */
  finish({ code, signal }: SandboxExit): void {
    if (this.#ended) return;
    this.#ended = true;
    if (code === 0) this.push(null);
    else this.destroy(new StdioExitError(code, signal));
    this.#creditBytes = Number.MAX_SAFE_INTEGER;
    this.credit(0);
  }

  override _read(): void {
    this.#pay();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.#creditBytes -= chunk.length;
    this.#send(frameType.stdin, chunk, 0);
    if (this.#creditBytes > 0) callback();
    else this.#waiting = callback;
  }

  override _final(callback: () => void): void {
    this.#send(frameType.stdin, Buffer.alloc(0), flagEnd);
    callback();
  }

  #pay(): void {
    if (this.#owedBytes === 0) return;
    const payload = Buffer.allocUnsafe(4);
    payload.writeUInt32BE(this.#owedBytes);
    this.#owedBytes = 0;
    this.#send(frameType.credit, payload, 0);
  }
}
