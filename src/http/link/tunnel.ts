import type { Socket } from "node:net";
import { creditFrame, flagEnd, frameHead, frameType } from "../../wire/frames.ts";
import { noBytes, type RoomWaiter, pieceBytesMax } from "../../wire/frame-writer.ts";
import { renderPeer, type LinkPeer } from "./heads.ts";
import { type Link, type LinkStream, linkWindowBytes } from "./link.ts";

/**
 * A client's connection whose bytes go to the core and back as they are. Each direction ends by itself; when the core drops the connection after
 * it has ended its side, what waits for the client is still written.
 */
export class Tunnel implements LinkStream, RoomWaiter {
  readonly #link: Link;
  readonly #id: number;
  readonly #socket: Socket;
  /** What the core takes. */
  #creditBytes = linkWindowBytes;
  #waiting: Buffer[] = [];
  #clientEnded = false;
  #endSent = false;
  /** What the client took and the core has no credit for yet. */
  #takenBytes = 0;
  #coreEnded = false;
  #over = false;

  constructor(link: Link, socket: Socket) {
    this.#link = link;
    this.#id = link.newId();
    this.#socket = socket;
  }

  open(peer: LinkPeer): void {
    const socket = this.#socket;
    this.#link.open(this.#id, this);
    this.#link.writer.headed(frameType.connection, this.#id, renderPeer(peer), noBytes, null, false);
    socket.on("data", (data: Buffer) => this.#read(data));
    socket.on("drain", () => this.#credit());
    socket.on("error", nothing);
    socket.once("end", () => {
      this.#clientEnded = true;
      this.pump();
    });
    socket.once("close", () => this.#closed());
  }

  frame(type: number, flags: number, payload: Buffer): void {
    if (type === frameType.body) this.#write(payload, (flags & flagEnd) !== 0);
    else if (type === frameType.credit) {
      this.#creditBytes += payload.readUInt32BE(0);
      this.pump();
    } else if (type === frameType.cancel) this.#dropped();
  }

  lost(): void {
    this.#over = true;
    this.#socket.destroy();
  }

  /** Sends what has come from the client, as far as the core takes it. */
  pump(): void {
    const { writer } = this.#link;
    while (this.#waiting.length > 0 && this.#creditBytes > 0 && !this.#over) {
      if (writer.congested) return writer.waitForRoom(this);
      writer.body(this.#id, this.#next(), false);
    }
    if (this.#over || this.#waiting.length > 0) return;
    if (this.#clientEnded && !this.#endSent) {
      this.#endSent = true;
      writer.body(this.#id, null, true);
    } else this.#socket.resume();
  }

  #read(data: Buffer): void {
    if (this.#over) return;
    this.#waiting.push(data);
    this.pump();
    if (this.#waiting.length > 0) this.#socket.pause();
  }

  #next(): Buffer {
    const first = this.#waiting[0] as Buffer;
    const bytes = Math.min(first.length, pieceBytesMax, this.#creditBytes);
    this.#creditBytes -= bytes;
    if (bytes === first.length) this.#waiting.shift();
    else this.#waiting[0] = first.subarray(bytes);
    return first.subarray(0, bytes);
  }

  #write(data: Buffer, last: boolean): void {
    if (this.#coreEnded || this.#over) return;
    this.#takenBytes += data.length;
    if (data.length > 0 && this.#socket.write(data)) this.#credit();
    if (!last) return;
    this.#coreEnded = true;
    this.#socket.end();
  }

  /** The client keeps up with what the core sends. */
  #credit(): void {
    if (this.#over || this.#coreEnded || this.#takenBytes < linkWindowBytes / 2) return;
    this.#link.writer.write(creditFrame(this.#id, this.#takenBytes));
    this.#takenBytes = 0;
  }

  /** The core is done with the connection. */
  #dropped(): void {
    this.#leave();
    if (this.#coreEnded) this.#socket.destroySoon();
    else this.#socket.destroy();
  }

  #closed(): void {
    if (this.#over) return;
    if (!this.#link.closed) this.#link.writer.write(frameHead(frameType.cancel, this.#id, 0));
    this.#leave();
  }

  #leave(): void {
    this.#over = true;
    this.#waiting = [];
    this.#link.writer.stopWaiting(this);
    this.#link.over(this.#id);
  }
}

function nothing(): void {}
