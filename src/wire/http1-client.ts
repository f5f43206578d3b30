/**
 * Speaks HTTP/1.1 as a client over one connection that is already open.
 *
 * Promises: one exchange at a time; bodies stream both ways and hold each other back; whatever breaks the protocol fails the
 * exchange and ends the connection; bytes that nobody asked for end it too. No promise per exchange, unless it is asked for with one.
 * Deliberately absent: dialling, pools, retries, time limits (whoever owns the connection closes it).
 */
import type { Duplex } from "node:stream";
import { type BodySink, type BodySource, WholeBody } from "../lib/body.ts";
import { Http1Error } from "./http1-error.ts";
import { type Http1RequestHead, headEnd, headerLines, RequestBodyWriter, requestLine } from "./http1-request.ts";
import {
  ChunkedDecoder,
  framing,
  HeadReader,
  type Http1Limits,
  type Http1ResponseHead,
  KnownHead,
  onlyChunk,
} from "./http1-response.ts";
import { readBytes, readShared } from "./shared-reads.ts";

export interface Http1Response {
  readonly status: number;
  /** Names and values by turns, as they came, framing headers included. Not to be changed: the next answer may share them. */
  readonly headers: readonly string[];
  /** Fails with the watcher's `failure`. Cancelling it before its end closes the connection. */
  readonly body: BodySource;
}

/** Whoever began an exchange: hears once, maybe before `begin` returns. Neither may throw. */
export interface Http1Caller {
  answered(head: Http1ResponseHead, body: BodySource): void;
  /** With an `Http1Error`, with what the request's body failed with, or with the reason given to `close`. */
  failed(error: Error): void;
}

/** Whoever owns a connection. */
export interface Http1Watcher {
  /** The exchange is over and the connection can take another. */
  idle(client: Http1Client): void;
  /**
   * The connection is gone; once. `error`: the reason when it broke the protocol, broke off an exchange or was closed with a reason;
   * null after an orderly end.
   */
  closed(client: Http1Client, error: Error | null): void;
  /** What a body that breaks off is to fail with. */
  failure(error: Http1Error): Error;
}

/** A first write up to this is taken by the kernel whole or not at all, so a refused one has not been seen by anybody. */
export const atomicWriteBytes = 32 * 1024;

/** Up to this a body leaves as text with its head. */
const joinedBytesMax = 12 * 1024;

/** No honest server sends so many interim answers. */
const interimMax = 32;

/**
 * `idle`: takes an exchange. `head`: a request was sent, its answer has not begun. `body`: the answer's body is on its way.
 * `closed`: for good.
 */
type State = "idle" | "head" | "body" | "closed";

export class Http1Client {
  readonly #stream: Duplex;
  readonly #limits: Http1Limits;
  readonly #watcher: Http1Watcher;
  readonly #headReader: HeadReader;
  readonly #known: KnownHead;
  #state: State = "idle";
  #method = "";
  #interim = 0;
  /** Until it has heard. */
  #caller: Http1Caller | null = null;
  #writer: RequestBodyWriter | null = null;
  /** Bytes of the first write while its fate is unknown. */
  #firstWriteBytes = 0;
  #source: BodySource | null = null;
  #head: Http1ResponseHead | null = null;
  /** Who is to hear of the answer that was just read, and its body. */
  #answered: Http1Caller | null = null;
  #answerHead: Http1ResponseHead | null = null;
  #answerBody: BodySource | null = null;
  #body: ResponseBody | null = null;
  #bodyLeft = 0;
  #chunks: ChunkedDecoder | null = null;
  #sink: BodySink | null = null;
  #paused = false;
  /** Input that waits for the sink. */
  #held: Buffer | null = null;
  #taking = false;
  /** The peer is done; seen to as soon as nothing is held any more. */
  #ended: Error | "end" | null = null;

  constructor(stream: Duplex, limits: Http1Limits, watcher: Http1Watcher) {
    this.#stream = stream;
    this.#limits = limits;
    this.#watcher = watcher;
    this.#headReader = new HeadReader(limits.headerBytesMax);
    this.#known = new KnownHead(limits);
    if (!readShared(stream, this.#onRead)) stream.on("data", (data: Buffer) => this.#onData(data, false));
    stream.on("end", () => this.#onEnd("end"));
    stream.on("error", (error) => this.#onEnd(error));
    stream.on("close", () => this.#onEnd("end"));
    stream.on("drain", () => this.#writer?.drained());
  }

  /** True when `request` may be called. */
  get idle(): boolean {
    return this.#state === "idle" && this.#stream.writable && !this.#stream.readableEnded;
  }

  /** `begin` with a promise of what its caller hears. Rejects with PlatformError invalid, too, on what no head can say. */
  request(head: Http1RequestHead, body: Buffer | BodySource): Promise<Http1Response> {
    return new Promise((resolve, reject) => {
      const lines = requestLine(head.method, head.target) + headerLines(head.headers);
      this.begin(head.method, lines, body, {
        answered: ({ status, headers }, content) => resolve({ status, headers, body: content }),
        failed: reject,
      });
    });
  }

  /** Sends a request. `lines`: its head without the lines about its length. A Buffer goes out with the head in one write. */
  begin(method: string, lines: string, body: Buffer | BodySource, caller: Http1Caller): void {
    if (!this.idle) {
      caller.failed(new Http1Error("unsent", "The connection was closed before the request was sent"));
      return;
    }
    const whole = Buffer.isBuffer(body);
    const text = lines + headEnd(method, whole ? body.length : body.bytes);
    this.#state = "head";
    this.#method = method;
    this.#interim = 0;
    this.#caller = caller;
    this.#source = whole ? null : body;
    if (whole) this.#send(text, body);
    else this.#sendHead(text);
  }

  /** Ends the connection at once. A running exchange fails with `reason`. */
  close(reason?: Error): void {
    if (this.#state === "closed") return;
    this.#fail(reason ?? new Http1Error("closed", "The connection was closed"), reason ?? null);
  }

  #send(text: string, body: Buffer): void {
    this.#firstWriteBytes = text.length + body.length;
    if (this.#firstWriteBytes <= atomicWriteBytes) return this.#sendAtOnce(text, body);
    this.#stream.cork();
    this.#stream.write(text, "latin1", this.#written);
    this.#stream.write(body);
    this.#stream.uncork();
  }

  /** Without a callback, which would cost a turn of its own: mostly the kernel takes it right away, and what fails is told as an error. */
  #sendAtOnce(text: string, body: Buffer): void {
    const stream = this.#stream;
    // As text, which is written from where it is put together.
    if (body.length <= joinedBytesMax) stream.write(text + body.toString("latin1"), "latin1");
    else stream.write(Buffer.concat([Buffer.from(text, "latin1"), body], this.#firstWriteBytes));
    if (stream.writableLength === 0 && stream.errored === null) this.#firstWriteBytes = 0;
  }

  /** The body is not touched before the head was taken, so that a stale connection does not cost it. */
  #sendHead(text: string): void {
    this.#firstWriteBytes = text.length;
    this.#stream.write(text, "latin1", this.#written);
  }

  readonly #written = (error?: Error | null): void => {
    const bytes = this.#firstWriteBytes;
    this.#firstWriteBytes = 0;
    if (this.#state === "closed") return;
    if (error) {
      // EPIPE on the first write says that the peer had closed before; after any accepted byte it would say less.
      const kind = isBrokenPipe(error) && bytes > 0 && bytes <= atomicWriteBytes && this.#state === "head" ? "unsent" : "closed";
      const failure = new Http1Error(kind, "The connection closed before the request was sent", error);
      // Whoever sends it again needs its body whole.
      if (kind === "unsent") this.#source = null;
      this.#fail(failure, failure);
    } else if (this.#source !== null) this.#startBody(this.#source);
  };

  #startBody(source: BodySource): void {
    this.#source = null;
    const writer = new RequestBodyWriter(this.#stream, source, (error) => {
      this.#writer = null;
      if (error) this.close(error);
    });
    this.#writer = writer;
    writer.start();
  }

  readonly #onRead = (bytes: number): void => this.#onData(readBytes(bytes), true);

  #onData(data: Buffer, isLent: boolean): void {
    if (this.#held !== null) {
      this.#held = Buffer.concat([this.#held, data]);
      this.#stream.pause();
      return;
    }
    this.#take(data, isLent);
  }

  /** `isLent`: others use its memory as soon as this returns, so what is kept of it is copied. */
  #take(input: Buffer, isLent: boolean): void {
    this.#taking = true;
    try {
      let data = input;
      let at = 0;
      while (at < data.length && this.#state !== "closed") {
        if (this.#state === "head") at = this.#takeHead(data, at, isLent);
        else if (this.#state === "idle") throw new Http1Error("garbage", "The function sent bytes that nobody asked for");
        else if (isLent && data === input) {
          data = Buffer.from(input.subarray(at));
          at = 0;
        } else if (this.#sink === null || this.#paused) {
          this.#held = at === 0 ? data : data.subarray(at);
          break;
        } else at = this.#takeBody(data, at);
      }
    } catch (error) {
      this.#fail(error as Error, error as Error);
    }
    this.#taking = false;
    this.#tell();
  }

  /** Last of all, because the caller may begin the next exchange before it returns. */
  #tell(): void {
    const caller = this.#answered;
    if (caller === null) return;
    const head = this.#answerHead as Http1ResponseHead;
    const body = this.#answerBody as BodySource;
    this.#answered = null;
    this.#answerHead = null;
    this.#answerBody = null;
    caller.answered(head, body);
  }

  #takeHead(data: Buffer, at: number, isLent: boolean): number {
    if (this.#headReader.empty && this.#known.begins(data, at, this.#method)) {
      return this.#answer(this.#known.head, data, at + this.#known.bytes, isLent);
    }
    const text = this.#headReader.read(data, at);
    const next = this.#headReader.used;
    if (text === undefined) return next;
    const head = this.#known.learn(text, this.#method);
    if (head.status < 200) this.#skipInterim(head.status);
    else return this.#answer(head, data, next, isLent);
    return next;
  }

  #skipInterim(status: number): void {
    if (status === 101) throw new Http1Error("garbage", "The answer switches to a protocol that nobody asked for");
    if (++this.#interim > interimMax) throw new Http1Error("garbage", "The answer has too many interim answers");
  }

  /** The head is whole; a body that is already here is handed over with it and the connection is free at once. */
  #answer(head: Http1ResponseHead, data: Buffer, at: number, isLent: boolean): number {
    const caller = this.#caller;
    this.#head = head;
    const whole = wholeBody(head.framing, data, at);
    if (whole !== undefined) {
      const end = head.framing >= 0 ? at + whole.length : data.length;
      this.#over(end === data.length);
      this.#toTell(caller, head, new WholeBody(isLent ? Buffer.from(whole) : whole));
      return end;
    }
    this.#caller = null;
    this.#state = "body";
    this.#bodyLeft = head.framing;
    this.#chunks = head.framing === framing.chunked ? new ChunkedDecoder(this.#limits.headerBytesMax) : null;
    const body = new ResponseBody(this, head.framing >= 0 ? head.framing : undefined);
    this.#body = body;
    this.#toTell(caller, head, body);
    return at;
  }

  #toTell(caller: Http1Caller | null, head: Http1ResponseHead, body: BodySource): void {
    this.#answered = caller;
    this.#answerHead = head;
    this.#answerBody = body;
  }

  #takeBody(data: Buffer, at: number): number {
    if (this.#chunks !== null) return this.#takeChunks(this.#chunks, data, at);
    const end = this.#bodyLeft < 0 ? data.length : Math.min(data.length, at + this.#bodyLeft);
    if (this.#bodyLeft > 0) this.#bodyLeft -= end - at;
    // Before the last piece is handed over, so that a lying length fails the call instead of passing as an answer.
    if (this.#bodyLeft === 0 && end < data.length) throw surplus();
    this.#piece(at === 0 && end === data.length ? data : data.subarray(at, end));
    if (this.#bodyLeft === 0) this.#endBody();
    return end;
  }

  #takeChunks(chunks: ChunkedDecoder, data: Buffer, at: number): number {
    const end = chunks.decode(data, at, this.#piece);
    if (chunks.done && this.#state === "body") {
      if (end < data.length) throw surplus();
      this.#endBody();
    }
    return end;
  }

  readonly #piece = (data: Buffer): boolean => {
    const sink = this.#sink;
    if (sink === null) return false;
    this.#paused = true;
    // A sink may call `resume` before it returns; that must win.
    if (sink.chunk(data)) this.#paused = false;
    return !this.#paused && this.#state === "body";
  };

  #endBody(): void {
    const sink = this.#sink;
    if (this.#state !== "body") return;
    this.#over(true);
    sink?.end();
  }

  /** The answer is complete. `clean`: nothing came after it. */
  #over(clean: boolean): void {
    if (!clean) throw surplus();
    const requestSent = this.#writer === null && this.#source === null && this.#stream.writableLength === 0;
    const reusable = requestSent && this.#head?.keepAlive === true && this.#ended === null;
    this.#release();
    if (reusable) {
      this.#state = "idle";
      this.#watcher.idle(this);
      return;
    }
    this.#state = "closed";
    this.#stream.destroy();
    this.#watcher.closed(this, null);
  }

  /** Forgets the exchange; what is left of the request's body is not wanted any more. */
  #release(): void {
    this.#writer?.cancel();
    this.#source?.cancel();
    this.#writer = null;
    this.#source = null;
    this.#caller = null;
    this.#firstWriteBytes = 0;
    this.#head = null;
    this.#body?.forget();
    this.#body = null;
    this.#chunks = null;
    this.#sink = null;
    this.#paused = false;
  }

  #onEnd(how: Error | "end"): void {
    if (this.#state === "closed") return;
    // The first write has failed, of which nobody else is told.
    if (how !== "end" && this.#firstWriteBytes > 0) return this.#written(how);
    this.#ended ??= how;
    // A body that nobody listens to yet hears of its end when somebody does.
    const unheard = this.#held !== null || (this.#state === "body" && this.#sink === null);
    if (!unheard) this.#peerGone(how);
  }

  #peerGone(how: Error | "end"): void {
    if (this.#state === "idle") {
      this.#state = "closed";
      this.#stream.destroy();
      this.#watcher.closed(this, null);
    } else if (how === "end" && this.#state === "body" && this.#head?.framing === framing.untilClose) this.#endBody();
    else {
      // A failed write was judged before; here the peer has gone after it took the request.
      const what = this.#state === "head" ? "before it answered" : "in the middle of its answer";
      const error = new Http1Error("closed", `The function closed the connection ${what}`, how === "end" ? undefined : how);
      this.#fail(error, error);
    }
  }

  #fail(error: Error, told: Error | null): void {
    if (this.#state === "closed") return;
    const caller = this.#caller;
    const sink = this.#sink;
    const body = this.#body;
    const busy = this.#state !== "idle";
    this.#state = "closed";
    this.#held = null;
    this.#release();
    this.#stream.destroy();
    this.#watcher.closed(this, busy ? error : told);
    caller?.failed(error);
    if (body === null) return;
    const failure = error instanceof Http1Error ? this.#watcher.failure(error) : error;
    if (sink !== null) sink.fail(failure);
    else body.failed(failure);
  }

  /** For the exchange's `ResponseBody` only. */
  bodyPiped(sink: BodySink): void {
    this.#sink = sink;
    this.#proceed();
  }

  /** For the exchange's `ResponseBody` only. */
  bodyResumed(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#proceed();
  }

  /** For the exchange's `ResponseBody` only. */
  bodyCancelled(): void {
    this.#sink = null;
    this.#body = null;
    this.close(new Http1Error("closed", "The answer was not wanted any more"));
  }

  #proceed(): void {
    if (this.#taking) return;
    const held = this.#held;
    this.#held = null;
    if (held !== null) this.#take(held, false);
    if (this.#held !== null || this.#state === "closed") return;
    if (this.#ended !== null) this.#peerGone(this.#ended);
    else if (!this.#paused) this.#stream.resume();
  }
}

/** A body that is here to its end. */
function wholeBody(bytes: number, data: Buffer, at: number): Buffer | undefined {
  if (bytes === framing.chunked) return onlyChunk(data, at);
  return bytes >= 0 && data.length - at >= bytes ? data.subarray(at, at + bytes) : undefined;
}

const surplus = () => new Http1Error("garbage", "The function sent more than its answer");

const isBrokenPipe = (error: Error) => (error as NodeJS.ErrnoException).code === "EPIPE";

/** The body of one exchange; after that exchange it is deaf. */
class ResponseBody implements BodySource {
  readonly bytes: number | undefined;
  #client: Http1Client | null;
  #failure: Error | null = null;

  constructor(client: Http1Client, bytes: number | undefined) {
    this.#client = client;
    this.bytes = bytes;
  }

  pipe(sink: BodySink): void {
    if (this.#failure !== null) sink.fail(this.#failure);
    else this.#client?.bodyPiped(sink);
  }

  resume(): void {
    this.#client?.bodyResumed();
  }

  cancel(): void {
    const client = this.#client;
    this.#client = null;
    client?.bodyCancelled();
  }

  forget(): void {
    this.#client = null;
  }

  failed(error: Error): void {
    this.#failure = error;
  }
}
