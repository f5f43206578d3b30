import type { Socket } from "node:net";

/** Watches whether a client reads what was written to it. Costs nothing but a look now and then. */
export class StallWatch {
  readonly #socket: Socket;
  #flushedBytes = -1;
  #sinceMs = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** For how long the client has read nothing although something waits, in ms, as far as the looks so far could tell. */
  stalledMs(nowMs: number): number {
    const { writableLength, bytesWritten } = this.#socket;
    const flushedBytes = writableLength === 0 ? -1 : bytesWritten - writableLength;
    if (flushedBytes !== this.#flushedBytes) {
      this.#flushedBytes = flushedBytes;
      this.#sinceMs = nowMs;
    }
    return flushedBytes === -1 ? 0 : nowMs - this.#sinceMs;
  }
}
