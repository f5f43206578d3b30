/** One output stream of a sandbox on its way to the link, held up while somebody has reason to. */
import type { Socket } from "node:net";
import { readBytes, readShared } from "../../wire/shared-reads.ts";
import { Marks } from "./marks.ts";

/** Why a flow stands still: the link is congested; the sandbox printed too much of late; its reader is behind; it says nothing but marks. */
type Reason = "link" | "rate" | "credit" | "silence";

/** A program that prints more than this in a second waits for the next one; nobody reads logs faster. */
const outputBytesPerSecond = 8 * 1024 * 1024;
/** After a mark that nothing follows a pipe is left alone for so long, in ms: those of several calls are then read at once. */
const silenceMs = 10;
/** A program that is over has this long to get rid of what is in its pipes. */
const finishMsMax = 2000;

/** Reads a pipe while nothing holds it up; a pipe that is not read holds up the program, never the platform. */
export class Flow {
  readonly ended: Promise<void>;
  readonly #source: Socket;
  readonly #send: (data: Buffer) => boolean;
  readonly #marks: Marks | null;
  readonly #reasons = new Set<Reason>();
  #creditBytes: number | null;
  #periodBytes = 0;
  #period: NodeJS.Timeout | null = null;
  #finishing = false;

  /** With a window the taker's credit is the limit, without one the rate is. `send` tells if the link is free. `mark`: see `marks.ts`. */
  constructor(source: Socket, send: (data: Buffer) => boolean, windowBytes: number | null, mark?: string) {
    this.#source = source;
    this.#send = send;
    this.#marks = mark === undefined ? null : new Marks(mark);
    this.#creditBytes = windowBytes;
    this.ended = new Promise((resolve) => source.once("close", () => resolve()));
    source.on("error", () => {});
    const onRead = (bytes: number) => this.#take(readBytes(bytes), true);
    if (!readShared(source, onRead)) source.on("data", (data: Buffer) => this.#take(data, false));
  }

  hold(reason: Reason): void {
    this.#reasons.add(reason);
    this.#source.pause();
  }

  let(reason: Reason): void {
    if (this.#reasons.delete(reason) && this.#reasons.size === 0) this.#source.resume();
  }

  credit(bytes: number): void {
    if (this.#creditBytes === null) return;
    this.#creditBytes += bytes;
    if (this.#creditBytes > 0) this.let("credit");
  }

  /** After the program's end: hands on what is left in the pipe (64 KiB at most), and gives up when the link takes nothing. */
  async finish(): Promise<void> {
    this.#finishing = true;
    this.let("rate");
    this.let("credit");
    this.let("silence");
    const giveUp = setTimeout(() => this.#source.destroy(), finishMsMax);
    await this.ended;
    clearTimeout(giveUp);
    if (this.#period !== null) clearTimeout(this.#period);
  }

  /** `isLent`: its memory is used again as soon as this returns. */
  #take(data: Buffer, isLent: boolean): void {
    if (!this.#finishing) this.#limit(data.length);
    const told = this.#marks === null ? data : this.#marks.take(data);
    if (told === null) this.#rest();
    else if (!this.#send(isLent && told === data ? Buffer.from(data) : told)) this.hold("link");
  }

  #rest(): void {
    if (this.#finishing) return;
    this.hold("silence");
    if (silent.length === 0) setTimeout(listenAgain, silenceMs);
    silent.push(this);
  }

  #limit(bytes: number): void {
    if (this.#creditBytes === null) return this.#meter(bytes);
    this.#creditBytes -= bytes;
    if (this.#creditBytes <= 0) this.hold("credit");
  }

  #meter(bytes: number): void {
    this.#periodBytes += bytes;
    if (this.#periodBytes > outputBytesPerSecond) this.hold("rate");
    this.#period ??= setTimeout(() => this.#nextPeriod(), 1000);
  }

  #nextPeriod(): void {
    this.#period = null;
    this.#periodBytes = 0;
    this.let("rate");
  }
}

/** Flows that are left alone. One timer for all, so that one look finds what all of them have said. */
let silent: Flow[] = [];

function listenAgain(): void {
  const flows = silent;
  silent = [];
  for (const flow of flows) flow.let("silence");
}
