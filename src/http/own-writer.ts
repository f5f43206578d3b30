import type { Socket } from "node:net";

/** Up to this size copying a piece costs less than a second one in a write. */
const joinedBytesMax = 16 * 1024;

/** Writes answers to one client. */
export class OwnWriter {
  readonly #socket: Socket;
  #joining = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Text is latin1. False: the client reads more slowly than that. */
  write(data: string | Buffer): boolean {
    return this.#socket.write(data as string, "latin1");
  }

  /** A piece with the text before and after it. As text it leaves in one write; several would be a writev, which costs twice as much. */
  writePiece(before: string, data: Buffer, after: string): boolean {
    if (data.length <= joinedBytesMax) return this.write(before + data.toString("latin1") + after);
    this.#socket.cork();
    if (before !== "") this.write(before);
    let more = this.write(data);
    if (after !== "") more = this.write(after);
    this.#socket.uncork();
    return more;
  }

  /** The client has to read before more is worth writing. */
  get full(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** All is with the operating system. */
  get flushed(): boolean {
    return this.#socket.writableLength === 0;
  }

  /** Calls back once all is with the operating system; never when the client is gone before. */
  whenFlushed(run: () => void): void {
    this.#socket.write("", (error) => {
      if (!error) run();
    });
  }

  /** What is written from now on leaves together, with `leave`. */
  join(): void {
    if (this.#joining) return;
    this.#joining = true;
    this.#socket.cork();
  }

  /** Lets what was joined go. */
  leave(): void {
    if (!this.#joining) return;
    this.#joining = false;
    this.#socket.uncork();
  }

  /** Closes the connection at once, so that the client sees that the answer is not whole. */
  cut(): void {
    this.#socket.destroy();
  }
}
