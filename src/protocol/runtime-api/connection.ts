import type { Duplex } from "node:stream";
import { Http1Error } from "../../wire/http1-error.ts";
import type { RequestHead, RequestLimits } from "../../wire/http1-server-head.ts";
import { RequestReader } from "../../wire/http1-server-reader.ts";
import { readShared } from "../../wire/shared-reads.ts";
import { refusalText } from "./answers.ts";
import { PostedBody } from "./posted-body.ts";

/** An error that clients tell of in a header may be a megabyte long. */
const limits: RequestLimits = { lineBytesMax: 8192, headerBytesMax: 1024 * 1024 + 64 * 1024, headerCountMax: 200 };

/** Bytes that may wait for whoever reads a body. */
const heldBytesMax = 64 * 1024;

/** Who serves the requests of connections. */
export interface Site {
  /** A request that is to be answered once, now or later. */
  asked(request: Asked): void;
  /** Nobody is left to hear answers. */
  closed(connection: Connection): void;
}

/** One request. */
export interface Asked {
  readonly head: RequestHead;
  readonly body: PostedBody;
  readonly connection: Connection;
}

/**
 * One connection that the runtime made: its requests, one after the other. The next one is not looked at before the last one was answered and its body has
 * ended. A request that is not HTTP ends it.
 */
export class Connection {
  readonly #stream: Duplex;
  readonly #site: Site;
  readonly #reader = new RequestReader(limits);
  #request: Asked | null = null;
  #answered = false;
  #closed = false;
  #advancing = false;
  #paused = false;

  constructor(stream: Duplex, site: Site) {
    this.#stream = stream;
    this.#site = site;
    if (!readShared(stream, this.#onRead)) stream.on("data", this.#onData).resume();
    stream.on("end", () => this.close());
    stream.on("error", () => this.close());
    stream.on("close", () => this.close());
  }

  /** Answers the request that is open. Text is latin1: a whole answer, head and body. */
  answer(text: string): void {
    if (this.#request === null || this.#answered || this.#closed) return;
    this.#answered = true;
    this.#stream.write(text, "latin1");
    this.#finish();
  }

  /** The same with a body of its own. */
  answerWith(head: string, body: Buffer): void {
    if (body.length <= joinedBytesMax) return this.answer(head + body.toString("latin1"));
    if (this.#request === null || this.#answered || this.#closed) return;
    this.#stream.cork();
    this.#stream.write(head, "latin1");
    this.#stream.write(body);
    this.#answered = true;
    this.#stream.uncork();
    this.#finish();
  }

  /** Writes a part of an answer that has no head and no end, to a program of ours. */
  say(data: string | Buffer): void {
    if (!this.#closed) this.#stream.write(data);
  }

  /** Bytes that wait to be sent. */
  get unsentBytes(): number {
    return this.#stream.writableLength;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream.destroy();
    this.#request?.body.lost();
    this.#site.closed(this);
  }

  readonly #onData = (data: Buffer): void => {
    if (this.#closed) return;
    this.#reader.give(data);
    this.#given();
  };

  /** The same for bytes in memory that others use, too. */
  readonly #onRead = (bytes: number, buffer: Buffer): void => {
    if (this.#closed) return;
    this.#reader.lend(buffer, bytes);
    this.#given();
    this.#reader.settle();
  };

  #given(): void {
    if (this.#request === null) this.#advance();
    else this.#request.body.pump();
    this.#throttle();
  }

  #advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    try {
      while (this.#request === null && !this.#closed && this.#takeUp());
    } finally {
      this.#advancing = false;
    }
  }

  /** False: no head has come whole. */
  #takeUp(): boolean {
    const head = this.#head();
    if (head === undefined) return false;
    this.#answered = false;
    const body = new PostedBody(this.#reader, head.framing, {
      ended: () => this.#finish(),
      broken: (error) => this.#refuse(error),
      taken: () => this.#throttle(),
    });
    this.#request = { head, body, connection: this };
    if (head.expect === "continue" && !this.#reader.bodyArrived) this.#stream.write("HTTP/1.1 100 Continue\r\n\r\n");
    this.#site.asked(this.#request);
    return true;
  }

  #head(): RequestHead | undefined {
    try {
      return this.#reader.head();
    } catch (error) {
      this.#refuse(error as Error);
      return undefined;
    }
  }

  #finish(): void {
    const request = this.#request;
    if (request === null || !this.#answered || !request.body.over) return;
    this.#request = null;
    if (!request.head.keepAlive) this.#stream.end();
    else this.#advance();
  }

  /** Whoever does not speak HTTP cannot be told where the next request begins. */
  #refuse(error: Error): void {
    const message = error instanceof Http1Error ? error.message : "The request cannot be read";
    if (!this.#closed && !this.#answered) this.#stream.write(refusalText(400, "InvalidRequest", message, "close"), "latin1");
    this.close();
  }

  #throttle(): void {
    const full = this.#reader.held > heldBytesMax;
    if (full === this.#paused || this.#closed) return;
    this.#paused = full;
    if (full) this.#stream.pause();
    else this.#stream.resume();
  }
}

/** Up to this size copying a piece costs less than a second one in a write. */
const joinedBytesMax = 16 * 1024;
