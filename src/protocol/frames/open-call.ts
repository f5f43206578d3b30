import type { CancelSignal } from "../../lib/cancel.ts";
import type { BodySource } from "../../lib/body.ts";
import type { FunctionRequest, FunctionResponse } from "../protocol.ts";
import { AnswerBody, type AnswerOwner } from "./answer.ts";
import { RequestFeed } from "./feed.ts";
import type { ResultHead } from "./heads.ts";
import type { Outbox } from "./outbox.ts";
import type { Output } from "./output.ts";

/** The connection behind a call. */
interface CallOwner {
  /** Of a request and of an answer, how much may be sent before there is credit, in bytes. */
  readonly requestWindowBytes: number;
  readonly answerWindowBytes: number;
  abandon(call: OpenCall): void;
  /** The code may send so many bytes more of the answer. */
  credit(call: OpenCall, bytes: number): void;
}

/**
 * A call between its first frame and its last. Who waits for it hears once: of the answer or of what went wrong. Once
 * *abandoned* nobody waits, and what the code still sends is thrown away.
 */
export class OpenCall implements AnswerOwner {
  readonly id: number;
  /** Of the activation. */
  readonly callId: string;
  answered = false;
  abandoned = false;
  /** Made with the first output. */
  output: Output | null = null;
  readonly #owner: CallOwner;
  readonly #request: FunctionRequest;
  readonly #signal: CancelSignal;
  readonly #resolve: (response: FunctionResponse) => void;
  readonly #reject: (error: Error) => void;
  #feed: RequestFeed | null = null;
  #body: AnswerBody | null = null;

  constructor(
    owner: CallOwner,
    id: number,
    request: FunctionRequest,
    signal: CancelSignal,
    resolve: (response: FunctionResponse) => void,
    reject: (error: Error) => void,
  ) {
    this.id = id;
    this.callId = request.callId;
    this.#owner = owner;
    this.#request = request;
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
    // The object itself listens: a closure per call would cost more.
    signal.addEventListener("abort", this);
  }

  feed(outbox: Outbox): RequestFeed {
    const { requestWindowBytes } = this.#owner;
    this.#feed = new RequestFeed(this.id, outbox, this.#request.body, requestWindowBytes, (error) => this.#abandon(error));
    return this.#feed;
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
    if (!this.abandoned) this.#resolve({ status: head.status, headers: head.headers, body });
  }

  piece(data: Buffer): void {
    this.#body?.push(data);
  }

  finish(): void {
    this.#body?.close();
  }

  fail(error: Error): void {
    if (this.#body !== null) this.#body.close(error);
    else if (!this.abandoned) this.#reject(error);
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
    this.output?.end();
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
