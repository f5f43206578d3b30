import { Cancel, type CancelSignal } from "../lib/cancel.ts";
import { type BodySource, WholeBody } from "../lib/body.ts";
import { PlatformError } from "../model/error.ts";
import type { PieceTaker } from "../wire/http1-server-chunks.ts";
import { chunkedFraming, type RequestHead } from "../wire/http1-server-head.ts";
import { badHead } from "./answer.ts";
import { answerFraming, type HeadFrame, renderAnswerHead } from "./answer-head.ts";
import type { Connection, RunningExchange } from "./connection.ts";
import { headerOf } from "./headers.ts";
import type { HttpRequest, HttpResponse } from "./http.ts";
import type { KnownRequest } from "./known-request.ts";
import { discardBytesMax } from "./linger.ts";
import { noBody } from "./node-body.ts";
import { clientGone } from "./node-http.ts";
import { type AnswerOwner, OwnAnswer } from "./own-answer.ts";
import { OwnBody, type OwnBodyHooks } from "./own-body.ts";
import type { OwnWriter } from "./own-writer.ts";
import { mayHaveBody } from "./response-headers.ts";
import { refusalBody, httpStatusOf } from "./refusal.ts";

/** What an exchange does to its connection. */
export interface ExchangeLine {
  readonly connection: Connection;
  readonly writer: OwnWriter;
  readonly bodyBytesMax: number;
  /** The line of the date. */
  readonly date: string;
  /** The lines that say the connection stays or goes. */
  connectionLines(close: boolean): string;
  /** The whole request was read. */
  readonly bodyComplete: boolean;
  /** The whole body of a known length where all of it is here and none was read; null otherwise. */
  takeBody(): Buffer | null;
  /** Reads the body; what is wrong with it comes back as `receiveFailed`. */
  readBody(taker: PieceTaker): boolean;
  /** Nothing more will happen on the exchange; `close`: nor on the connection. */
  over(close: boolean): void;
}

/**
 * One request and its answer on a connection of our own, as the two types of `http.ts`. One object plays all parts, and what is not
 * always needed (body, signal, streamed answer) is made when asked for. It is over when its answer is written and its request read.
 */
export class OwnExchange implements HttpRequest, HttpResponse, RunningExchange, AnswerOwner, OwnBodyHooks {
  readonly method: string;
  readonly target: string;
  readonly path: string;
  readonly headers: readonly string[];
  readonly writer: OwnWriter;
  readonly notes: KnownRequest;
  readonly #head: RequestHead;
  readonly #line: ExchangeLine;
  #body: BodySource | null = null;
  #cancel: Cancel | null = null;
  #answer: OwnAnswer | null = null;
  /** `refused`: the listener has answered in the handler's place, which cannot know: what it says later goes nowhere. */
  #claimed: "no" | "yes" | "refused" = "no";
  #answered = false;
  #over = false;
  #gone: PlatformError | null = null;
  #close: boolean;
  #discarding = false;
  /** The client waits for `100 Continue`. */
  #waits: boolean;

  constructor(line: ExchangeLine, head: RequestHead, notes: KnownRequest) {
    this.notes = notes;
    this.method = head.method;
    this.target = head.target;
    this.path = head.path;
    this.headers = head.headers;
    this.writer = line.writer;
    this.#head = head;
    this.#line = line;
    this.#close = !head.keepAlive;
    this.#waits = head.expect === "continue" && head.framing !== 0;
  }

  header(name: string): string | undefined {
    return headerOf(this.headers, name);
  }

  get peer(): string {
    return this.#line.connection.peer;
  }

  get loopback(): boolean {
    return this.#line.connection.loopback;
  }

  get body(): BodySource {
    this.#body ??= this.#makeBody();
    return this.#body;
  }

  get signal(): CancelSignal {
    if (this.#cancel === null) {
      this.#cancel = new Cancel();
      if (this.#gone !== null) this.#cancel.abort(this.#gone);
    }
    return this.#cancel;
  }

  send(status: number, headers: readonly string[], body: Buffer | string): void {
    this.#send(status, body, (bytes) => this.head(status, headers, bytes));
  }

  sendAlike(status: number, headers: readonly string[], own: readonly string[], body: string): void {
    this.#send(status, body, (bytes) => this.notes.answers.render(status, headers, own, this.#frame(bytes)));
  }

  /** `headFor`: a body of so many bytes. */
  #send(status: number, body: Buffer | string, headFor: (bytes: number) => string): void {
    this.#claim();
    if (this.#unreachable()) return;
    const bytes = typeof body === "string" ? Buffer.byteLength(body) : body.length;
    let head: string;
    try {
      head = headFor(bytes);
    } catch (error) {
      this.refuse(badHead(error));
      return;
    }
    if (this.method === "HEAD" || bytes === 0 || status === 204 || status === 304) this.writer.write(head);
    // Only ASCII is the same text in latin1, as which the head is written.
    else if (typeof body === "string" && bytes === body.length) this.writer.write(head + body);
    else this.writer.writePiece(head, typeof body === "string" ? Buffer.from(body) : body, "");
    this.answered();
  }

  stream(status: number, headers: readonly string[], body: BodySource, done: (error?: Error) => void): void {
    this.#claim();
    if (this.#unreachable()) {
      body.cancel();
      done(this.#gone ?? clientGone());
      return;
    }
    this.#answer = new OwnAnswer(this, status, headers, body, done);
    this.#answer.start();
  }

  streamAlike(
    status: number,
    headers: readonly string[],
    own: readonly string[],
    body: BodySource,
    done: (error?: Error) => void,
  ): void {
    const isPlain = this.method !== "HEAD" && mayHaveBody(status) && this.writer.flushed;
    if (!isPlain || this.#unreachable() || body.take === undefined) return this.stream(status, [...headers, ...own], body, done);
    const whole = body.take();
    if (whole === null) return this.stream(status, [...headers, ...own], body, done);
    this.#claim();
    this.#sendWhole(status, headers, own, whole, done);
  }

  /** An answer of which all is there, in one write. */
  #sendWhole(
    status: number,
    headers: readonly string[],
    own: readonly string[],
    body: Buffer,
    done: (error?: Error) => void,
  ): void {
    let head: string;
    try {
      head = this.notes.answers.render(status, headers, own, this.#frame(body.length));
    } catch (error) {
      const failure = badHead(error);
      this.refuse(failure);
      done(failure);
      return;
    }
    this.writer.writePiece(head, body, "");
    if (this.writer.flushed) {
      this.answered();
      done();
    } else {
      this.#answer = new OwnAnswer(this, status, headers, noBody, done);
      this.#answer.written();
    }
  }

  /** Answers in the listener's own words, in place of a handler. Ends the connection when an answer has begun already. */
  refuse(error: PlatformError): void {
    this.#claimed = "refused";
    if (this.#gone !== null || this.#over) return;
    if (this.#answer?.begun === true || this.#answered) {
      this.writer.cut();
      return;
    }
    if (this.#body instanceof OwnBody && this.#body.reading) this.#close ||= !this.#line.bodyComplete;
    else this.#dropBody();
    const body = refusalBody(error, null);
    const status = httpStatusOf(error.code);
    const bytes = Buffer.from(this.method === "HEAD" ? "" : body);
    this.writer.writePiece(this.head(status, ["Content-Type", "application/json"], bytes.length), bytes, "");
    this.answered();
  }

  /** Answers a request of which nothing more is to be read. */
  refuseUnread(error: PlatformError): void {
    if (!this.#line.bodyComplete) this.#close = true;
    this.closeAfter();
    this.refuse(error);
  }

  /** The client is away: what reads the body, what writes the answer and whoever holds the signal hear of it. */
  abandon(reason: PlatformError): void {
    if (this.#gone !== null || this.#over) return;
    this.#gone = reason;
    this.#close = true;
    if (this.#body instanceof OwnBody) this.#body.fail(reason);
    this.#answer?.lost(reason);
    this.#cancel?.abort(reason);
    this.#end();
  }

  /** The rest of the body will not come: it was too slow or broke the grammar. Whoever reads it answers; else we do. */
  receiveFailed(error: PlatformError): void {
    this.#close = true;
    const body = this.#body instanceof OwnBody ? this.#body : null;
    if (body?.reading === true && this.#claimed === "no") {
      body.fail(error);
      return;
    }
    const cancel = this.#cancel;
    this.#cancel = null;
    // Nobody is left to read what the handler is still working on.
    const reason = new PlatformError("cancelled", `The request broke off: ${error.message}`, { cause: error });
    body?.fail(reason);
    if (!this.#answered) this.refuse(error);
    this.#gone = reason;
    this.#answer?.lost(reason);
    cancel?.abort(reason);
    this.#end();
  }

  /** The answer is to be the last one of its connection. Unsaid when its head is written already. */
  closeAfter(): void {
    this.#close = true;
  }

  get complete(): boolean {
    return this.#line.bodyComplete;
  }

  /** More of the request has come. */
  arrived(): void {
    if (this.#discarding) return this.#discard();
    // What is wrong with chunks is to be known even while nobody reads them.
    if (this.#head.framing === chunkedFraming) this.#body ??= this.#makeBody();
    if (this.#body instanceof OwnBody) this.#body.pump();
  }

  /** The client has read what waited for it. */
  drained(): void {
    this.#answer?.drained();
  }

  // What the streamed answer needs.

  head(status: number, headers: readonly string[], framing: number): string {
    if (framing === answerFraming.untilClose) this.#close = true;
    return renderAnswerHead(status, headers, this.#frame(framing));
  }

  #frame(framing: number): HeadFrame {
    const { date } = this.#line;
    return { method: this.method, framing, connection: this.#line.connectionLines(this.#close), date };
  }

  get openFraming(): number {
    return this.#head.http11 ? answerFraming.chunked : answerFraming.untilClose;
  }

  answered(): void {
    if (this.#answered) return;
    this.#answered = true;
    // Whoever holds the signal has what was asked for; what may still come is the rest of a body.
    this.#cancel = null;
    if (this.#close || this.#line.bodyComplete) this.#end();
  }

  // What the body needs.

  read(taker: PieceTaker): boolean {
    return this.#line.readBody(taker);
  }

  wanted(): void {
    if (!this.#waits || this.#claimed !== "no") return;
    this.#waits = false;
    this.writer.write("HTTP/1.1 100 Continue\r\n\r\n");
  }

  ended(): void {
    if (this.#answered) this.#end();
  }

  unwanted(): void {
    this.#dropBody();
  }

  #claim(): void {
    if (this.#claimed === "yes") throw new Error("This request was answered already");
    if (this.#claimed === "no") this.#claimed = "yes";
    if (!(this.#body instanceof OwnBody && this.#body.reading)) this.#dropBody();
  }

  /** A body that nobody reads: a small one is thrown away, with a large one goes the connection. */
  #dropBody(): void {
    if (this.#gone !== null || this.#discarding || this.#line.bodyComplete) return;
    const { framing } = this.#head;
    // A client that still waits for `100 Continue` may send its body or not: what comes next can't be told apart.
    if (this.#waits || framing === chunkedFraming || framing > discardBytesMax) {
      this.#close = true;
      if (this.#answered) this.#end();
      return;
    }
    this.#discarding = true;
    this.#discard();
  }

  #unreachable(): boolean {
    return this.#gone !== null || this.#over || this.#claimed === "refused";
  }

  #discard(): void {
    if (this.#line.readBody(discarder) && this.#answered) this.#end();
  }

  #makeBody(): BodySource {
    const { framing } = this.#head;
    if (framing === 0) return noBody;
    const whole = this.#waits || this.#gone !== null || this.#over ? null : this.#line.takeBody();
    if (whole !== null) return new WholeBody(whole);
    const body = new OwnBody(framing === chunkedFraming ? undefined : framing, this.#line.bodyBytesMax, this);
    if (this.#gone !== null || this.#over) body.fail(this.#gone ?? clientGone());
    return body;
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    // The connection's next bytes are another request's. Under a flood of refused calls the error would be half of what each costs.
    if (this.#body instanceof OwnBody && !this.#body.arrived && !this.#body.over) this.#body.fail(clientGone());
    this.#cancel = null;
    this.#line.over(this.#close);
  }
}

const discarder: PieceTaker = { piece: () => true };
