import { Duplex } from "node:stream";
import type { World } from "../../lib/world.ts";
import { creditFrame, flagEnd, frameHead, frameType } from "../../wire/frames.ts";
import { pieceBytesMax, type RoomWaiter } from "../../wire/frame-writer.ts";
import type { LinkPeer } from "./heads.ts";
import { type Link, type LinkStream, linkWindowBytes } from "./link.ts";

/**
 * A client's connection in the core that a front has accepted: what `node:http` and our own listener need of a `Socket`, on a stream of the
 * front's link.
 */
export class LinkSocket extends Duplex implements LinkStream, RoomWaiter {
  readonly remoteAddress: string;
  bytesRead = 0;
  bytesWritten = 0;
  readonly #link: Link;
  readonly #id: number;
  readonly #world: World;
  #creditBytes = linkWindowBytes;
  /** What is being written: goes on with credit and room. */
  #piece: Buffer | null = null;
  #written: ((error?: Error | null) => void) | null = null;
  #owedBytes = linkWindowBytes;
  #takenBytes = 0;
  #clientEnded = false;
  #clientGone = false;
  #stopTimer: () => void = nothing;

  constructor(link: Link, id: number, { peer }: LinkPeer, world: World) {
    super({ allowHalfOpen: true });
    this.#link = link;
    this.#id = id;
    this.#world = world;
    this.remoteAddress = peer;
    link.open(id, this);
  }

  frame(type: number, flags: number, payload: Buffer): void {
    if (type === frameType.body) this.#receive(payload, (flags & flagEnd) !== 0);
    else if (type === frameType.credit) {
      this.#creditBytes += payload.readUInt32BE(0);
      this.pump();
    } else if (type === frameType.cancel) this.lost();
  }

  lost(): void {
    this.#clientGone = true;
    this.#link.over(this.#id);
    this.destroy();
  }

  /** Writes what waits, as far as the client takes it. */
  pump(): void {
    const { writer } = this.#link;
    while (this.#piece !== null) {
      if (this.#creditBytes === 0) return;
      if (writer.congested) return writer.waitForRoom(this);
      const bytes = Math.min(this.#piece.length, pieceBytesMax, this.#creditBytes);
      this.#creditBytes -= bytes;
      writer.body(this.#id, this.#piece.subarray(0, bytes), false);
      this.#piece = bytes === this.#piece.length ? null : this.#piece.subarray(bytes);
    }
    const written = this.#written;
    this.#written = null;
    written?.();
  }

  // What a socket has and a stream has not.

  /** Emits `timeout` after `timeoutMs`, as a socket does; nothing but another call puts it off. 0: never. */
  readonly setTimeout = (timeoutMs: number): this => {
    this.#stopTimer();
    this.#stopTimer = timeoutMs > 0 ? this.#world.after(timeoutMs, () => this.emit("timeout")) : nothing;
    return this;
  };

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", () => this.destroy());
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  override _write(data: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.bytesWritten += data.length;
    this.#piece = data.length === 0 ? null : data;
    this.#written = done;
    this.pump();
  }

  override _writev(parts: readonly { readonly chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this._write(Buffer.concat(parts.map(({ chunk }) => chunk)), "latin1", done);
  }

  override _final(done: () => void): void {
    if (!this.#link.closed) this.#link.writer.body(this.#id, null, true);
    done();
  }

  override _read(): void {
    if (this.#takenBytes < linkWindowBytes / 2 || this.#link.closed || this.destroyed) return;
    this.#link.writer.write(creditFrame(this.#id, this.#takenBytes));
    this.#owedBytes += this.#takenBytes;
    this.#takenBytes = 0;
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stopTimer();
    this.#piece = null;
    this.#link.writer.stopWaiting(this);
    if (!this.#clientGone && !this.#link.closed) this.#link.writer.write(frameHead(frameType.cancel, this.#id, 0));
    this.#link.over(this.#id);
    done(error);
  }

  #receive(data: Buffer, last: boolean): void {
    if (this.#clientEnded) return;
    this.#owedBytes -= data.length;
    if (this.#owedBytes < 0) throw new RangeError(`${-this.#owedBytes} bytes more of a connection than there was credit for`);
    this.bytesRead += data.length;
    this.#takenBytes += data.length;
    if (data.length > 0) this.push(data);
    if (!last) return;
    this.#clientEnded = true;
    this.push(null);
  }
}

function nothing(): void {}
