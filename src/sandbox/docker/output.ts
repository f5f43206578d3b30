/**
 * What a container prints, out of the engine's frames: a head of eight bytes (stream, three zeros, length u32 big endian) and its bytes.
 * A program that prints too much waits, and so does one whose STDOUT is a connection that nobody reads.
 */
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { StdioExitError } from "../../lib/exit-error.ts";
import type { World } from "../../lib/world.ts";
import type { SandboxExit } from "../sandbox.ts";
import { Marks } from "../spawner/marks.ts";

const headBytes = 8;
/** A program that prints more than this in a second waits for the next one; nobody reads logs faster. */
const outputBytesPerSecond = 8 * 1024 * 1024;

type StreamName = "stdout" | "stderr";

/** Who hears it. */
export interface OutputTaker {
  readonly world: World;
  readonly output: (stream: StreamName, data: Buffer) => void;
  /** How lines begin that say whose output follows (`marks.ts`). */
  readonly outputMark?: string | undefined;
  /** Takes STDOUT in place of `output`. */
  readonly stdio: ContainerStdio | null;
}

/** The output of one container. */
export class ContainerOutput {
  /** Resolves when all was told: the container has ended, or the engine has. */
  readonly ended: Promise<void>;
  readonly #taker: OutputTaker;
  readonly #socket: Socket;
  readonly #marks: Readonly<Record<StreamName, Marks>> | null;
  #head = Buffer.alloc(0);
  #stream: StreamName = "stdout";
  #leftBytes = 0;
  #periodBytes = 0;
  #periodRuns = false;

  constructor(socket: Socket, taker: OutputTaker) {
    const { outputMark } = taker;
    this.#taker = taker;
    this.#socket = socket;
    this.#marks = outputMark === undefined ? null : { stdout: new Marks(outputMark), stderr: new Marks(outputMark) };
    this.ended = socket.destroyed ? Promise.resolve() : new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("end", () => socket.destroy());
    // Whoever asked for the container must know it before it hears what it prints.
    setImmediate(() => socket.on("data", (data: Buffer) => this.#take(data)));
  }

  #take(data: Buffer): void {
    let rest = data;
    while (rest.length > 0) {
      if (this.#leftBytes === 0) {
        rest = this.#begin(rest);
      } else {
        const part = rest.subarray(0, this.#leftBytes);
        this.#leftBytes -= part.length;
        rest = rest.subarray(part.length);
        this.#give(part);
      }
    }
  }

  /** Reads the head of the next frame; what is behind it. */
  #begin(data: Buffer): Buffer {
    const missing = headBytes - this.#head.length;
    this.#head = Buffer.concat([this.#head, data.subarray(0, missing)]);
    if (this.#head.length === headBytes) {
      this.#stream = this.#head[0] === 2 ? "stderr" : "stdout";
      this.#leftBytes = this.#head.readUInt32BE(4);
      this.#head = Buffer.alloc(0);
    }
    return data.subarray(missing);
  }

  #give(data: Buffer): void {
    const { stdio, output } = this.#taker;
    if (stdio !== null && this.#stream === "stdout") return stdio.receive(data);
    this.#meter(data.length);
    const told = this.#marks === null ? data : this.#marks[this.#stream].take(data);
    if (told !== null) output(this.#stream, told);
  }

  #meter(bytes: number): void {
    this.#periodBytes += bytes;
    if (this.#periodBytes > outputBytesPerSecond) this.#socket.pause();
    if (this.#periodRuns) return;
    this.#periodRuns = true;
    this.#taker.world.after(1000, () => {
      this.#periodRuns = false;
      this.#periodBytes = 0;
      this.#socket.resume();
    });
  }
}

/** STDIN and STDOUT of a container as one stream. It ends when the program did: with `StdioExitError` unless that went well. */
export class ContainerStdio extends Duplex {
  #socket: Socket | null = null;

  constructor() {
    super({ allowHalfOpen: true });
    // Whoever reads hears of a bad end; where nobody does, it must not be an uncaught error of the server.
    this.on("error", () => {});
  }

  /** Once it is there, before anything is written. */
  attach(socket: Socket): void {
    this.#socket = socket;
  }

  receive(data: Buffer): void {
    if (!this.destroyed && !this.push(data)) this.#socket?.pause();
  }

  finish({ code, signal }: SandboxExit): void {
    if (code === 0) this.push(null);
    else this.destroy(new StdioExitError(code, signal));
  }

  override _read(): void {
    this.#socket?.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    const socket = this.#socket;
    if (socket === null || !socket.writable) return callback();
    // What the program no longer reads counts as taken.
    socket.write(chunk, () => callback());
  }

  override _final(callback: () => void): void {
    this.#socket?.end();
    callback();
  }
}
