import type { CancelSignal } from "../../lib/cancel.ts";
import type { BodySource } from "../../lib/body.ts";
import { PlatformError } from "../../model/error.ts";
import { BodyFeed, type FeedHead, type FeedOwner } from "../../wire/body-feed.ts";
import { type FrameWriter, pieceBytesMax } from "../../wire/frame-writer.ts";
import { frameType } from "../../wire/frames.ts";
import type { LogLine } from "../../model/model.ts";
import type { FunctionRequest, SessionCaller } from "../protocol.ts";
import { AnswerBody, type AnswerOwner } from "./answer.ts";
import { callFields, type CallLines, type ResultHead } from "./heads.ts";
import { Output } from "./output.ts";

/** The connection behind a call. */
interface CallOwner {
  /** Of a request and of an answer, how much may be sent before there is credit, in bytes. */
  readonly requestWindowBytes: number;
  readonly answerWindowBytes: number;
  readonly lines: CallLines;
  abandon(call: OpenCall): void;
  /** The code may send so many bytes more of the answer. */
  credit(call: OpenCall, bytes: number): void;
}

/**
 * A call between its first frame and its last. Who waits for it hears once: of the answer or of what went wrong. Once
 * *abandoned* nobody waits, and what the code still sends is thrown away.
 */
export class OpenCall implements AnswerOwner, FeedOwner {
  readonly id: number;
  answered = false;
  abandoned = false;
  readonly #owner: CallOwner;
  readonly #request: FunctionRequest;
  readonly #signal: CancelSignal;
  readonly #caller: SessionCaller;
  #feed: BodyFeed | null = null;
  #body: AnswerBody | null = null;
  /** Made with the first output. */
  #output: Output | null = null;

  constructor(owner: CallOwner, id: number, request: FunctionRequest, signal: CancelSignal, caller: SessionCaller) {
    this.id = id;
    this.#owner = owner;
    this.#request = request;
    this.#signal = signal;
    this.#caller = caller;
    // The object itself listens: a closure per call would cost more.
    signal.addEventListener("abort", this);
  }

  /** Sends the request: in one frame where all of it is there, else piece by piece. */
  send(writer: FrameWriter): void {
    const { body } = this.#request;
    const { requestWindowBytes } = this.#owner;
    const bytesMax = Math.min(pieceBytesMax, requestWindowBytes);
    const whole = body.take !== undefined && (body.bytes ?? 0) <= bytesMax ? body.take() : null;
    if (whole !== null) {
      const piece = whole.length === 0 ? null : whole;
      writer.headed(frameType.call, this.id, callFields(this.#request), this.#owner.lines.of(this.#request), piece, true);
      return;
    }
    this.#feed = new BodyFeed(this.id, writer, body, requestWindowBytes, this);
    this.#feed.start();
  }

  head(): FeedHead {
    return { type: frameType.call, text: callFields(this.#request), bytes: this.#owner.lines.of(this.#request) };
  }

  fed(): void {}

  feedFailed(error: Error | null): void {
    this.#abandon(error ?? new PlatformError("internal", "The request's body is not as long as it was said to be"));
  }

  printed(line: Omit<LogLine, "at">): void {
    this.#caller.printed(line);
  }

  print(stream: 1 | 2, data: Buffer): void {
    this.#output ??= new Output((line) => this.#caller.printed(line));
    this.#output.push(stream, data);
  }

  handleEvent(): void {
    this.#abandon(this.#signal.reason as Error);
  }

  /** The head of an answer whose body comes in pieces. */
  begin(head: ResultHead, piece: Buffer): void {
    this.answered = true;
    if (this.abandoned) return;
    this.#body = new AnswerBody(this, this.#owner.answerWindowBytes);
    this.#body.push(piece);
    this.answer(head, this.#body);
  }

  /** The whole answer, or its head with the body to come. */
  answer(head: ResultHead, body: BodySource): void {
    if (!this.abandoned) this.#caller.answered(head.status, head.headers, body);
  }

  piece(data: Buffer): void {
    this.#body?.push(data);
  }

  finish(): void {
    this.#body?.close();
  }

  fail(error: Error): void {
    if (this.#body !== null) this.#body.close(error);
    else if (!this.abandoned) this.#caller.failed(error);
  }

  /** The code takes so many bytes more of the request. */
  creditRequest(bytes: number): void {
    this.#feed?.credit(bytes);
  }

  /** The code wants no more of the request. */
  stopRequest(): void {
    this.#feed?.stop();
  }

  /** No frame belongs to the call any more. */
  end(): void {
    this.#output?.end();
    this.#feed?.stop();
    this.#signal.removeEventListener("abort", this);
  }

  taken(bytes: number): void {
    if (!this.abandoned) this.#owner.credit(this, bytes);
  }

  dropped(): void {
    this.#abandon(null);
  }

  #abandon(error: Error | null): void {
    if (this.abandoned) return;
    this.#feed?.stop();
    // Before anybody hears: who does may ask the session at once whether the code is still at the call.
    this.#owner.abandon(this);
    if (error !== null) this.fail(error);
    this.abandoned = true;
  }
}
