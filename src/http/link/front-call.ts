import { WholeBody } from "../../lib/body.ts";
import { asPlatformError, PlatformError } from "../../model/error.ts";
import { ArrivingBody, type ArrivingOwner } from "../../wire/arriving-body.ts";
import { BodyFeed, type FeedHead, type FeedOwner } from "../../wire/body-feed.ts";
import { noBytes } from "../../wire/frame-writer.ts";
import { creditFrame, flagEnd, frameType } from "../../wire/frames.ts";
import { detached } from "../headers.ts";
import type { HttpRequest, HttpResponse } from "../http.ts";
import { clientGone } from "../node-http.ts";
import { mayHaveBody } from "../response-headers.ts";
import { headIn, renderPeer, renderRequestHead } from "./heads.ts";
import { errorIn, type Link, type LinkStream, linkWindowBytes, tellError } from "./link.ts";
import type { ResultHeads } from "./result-heads.ts";

/**
 * One request in a front: goes to the core as it comes, and its answer to the client. It is over when the answer has come and the request was
 * sent or is wanted no more.
 */
export class FrontCall implements LinkStream, FeedOwner, ArrivingOwner {
  readonly #link: Link;
  readonly #id: number;
  readonly #request: HttpRequest;
  readonly #response: HttpResponse;
  readonly #heads: ResultHeads;
  readonly #held: boolean;
  #feed: BodyFeed | null = null;
  #answer: ArrivingBody | null = null;
  /** The answer has come. */
  #answered = false;
  #over = false;

  /** `heads` is the link's. */
  constructor(link: Link, heads: ResultHeads, request: HttpRequest, response: HttpResponse) {
    this.#link = link;
    this.#heads = heads;
    this.#id = link.newId();
    this.#request = request;
    this.#response = response;
    this.#held = isHeld(request);
  }

  start(): void {
    const { body } = this.#request;
    this.#link.open(this.#id, this);
    this.#request.signal.addEventListener("abort", this);
    const whole = body.bytes === 0 ? noBytes : this.#held ? null : body.take?.();
    if (whole) {
      this.#link.writer.headed(frameType.request, this.#id, headOf(this.#request, this.#held), noBytes, whole, true);
      return;
    }
    this.#feed = new BodyFeed(this.#id, this.#link.writer, body, this.#held ? 0 : linkWindowBytes, this);
    if (this.#held) this.#feed.startHeld();
    else this.#feed.start();
  }

  // What comes from the core.

  frame(type: number, flags: number, payload: Buffer): void {
    if (type === frameType.result) this.#result(flags, payload);
    else if (type === frameType.body) {
      this.#answer?.push(payload);
      if ((flags & flagEnd) !== 0) this.#ended();
    } else if (type === frameType.credit) this.#feed?.credit(payload.readUInt32BE(0));
    else if (type === frameType.cancel) this.#feed?.stop();
    else if (type === frameType.error) this.#broken(errorIn(payload));
  }

  lost(): void {
    if (!this.#over) this.#broken(new PlatformError("overloaded", "The server is stopping or has failed; try again"));
  }

  /** The client is away: the object itself listens to the signal. */
  handleEvent(): void {
    this.#gone(asPlatformError(this.#request.signal.reason));
  }

  // What the body of the request needs.

  head(): FeedHead {
    return { type: frameType.request, text: headOf(this.#request, this.#held), bytes: noBytes };
  }

  fed(): void {
    this.#mayEnd();
  }

  feedFailed(failure: Error | null): void {
    const error = asPlatformError(failure ?? clientGone());
    if (error.code === "cancelled") return this.#gone(error);
    // Nothing was said of the request yet: the core has to hear of it all the same, as its doors say how it is answered.
    if (this.#feed?.begun !== true) {
      const { type, text, bytes } = this.head();
      this.#link.writer.headed(type, this.#id, text, bytes, null, false);
    }
    tellError(this.#link, this.#id, error);
    this.#mayEnd();
  }

  // What the body of the answer needs.

  taken(bytes: number): void {
    if (!this.#over) this.#link.writer.write(creditFrame(this.#id, bytes));
  }

  dropped(): void {
    // Mostly the client is away, and the signal says why in a moment.
    queueMicrotask(() => this.#gone(clientGone()));
  }

  #result(flags: number, payload: Buffer): void {
    if (this.#answered || this.#answer !== null) throw new RangeError("A second result");
    const { text, bodyStart } = headIn(payload);
    const { head, own } = this.#heads.read(text);
    const { status } = head;
    const piece = payload.subarray(bodyStart);
    if ((flags & flagEnd) !== 0 && this.#request.method !== "HEAD" && mayHaveBody(status)) {
      this.#answered = true;
      this.#mayEnd();
      return this.#whole(status, head.headers, own, piece);
    }
    const headers = [...head.headers, ...own];
    this.#answer = new ArrivingBody(this, head.bytes, linkWindowBytes, true);
    this.#answer.push(piece);
    if ((flags & flagEnd) !== 0) this.#ended();
    this.#response.stream(status, headers, this.#answer, nothing);
  }

  #whole(status: number, headers: readonly string[], own: readonly string[], piece: Buffer): void {
    const response = this.#response;
    if (own.length === 0) response.send(status, headers, piece);
    else if (response.streamAlike === undefined) response.send(status, [...headers, ...own], piece);
    else response.streamAlike(status, headers, own, new WholeBody(piece), nothing);
  }

  #ended(): void {
    this.#answered = true;
    this.#answer?.close();
    this.#mayEnd();
  }

  /** The answer breaks off, or there is none. */
  #broken(error: PlatformError): void {
    this.#end();
    this.#feed?.stop();
    if (this.#answer !== null) this.#answer.close(error);
    else if (!this.#answered) this.#response.stream(200, [], { ...brokenBody, pipe: (sink) => sink.fail(error) }, nothing);
  }

  #gone(reason: PlatformError): void {
    if (this.#over) return;
    this.#end();
    if (!this.#link.closed) tellError(this.#link, this.#id, reason);
    this.#feed?.stop();
  }

  #mayEnd(): void {
    if (this.#answered && this.#feed?.over !== false) this.#end();
  }

  #end(): void {
    this.#over = true;
    this.#link.over(this.#id);
  }
}

/** A body that nobody may want is not asked for before the core does. A short one would be thrown away anyway. */
function isHeld(request: HttpRequest): boolean {
  const { bytes } = request.body;
  if (bytes === 0) return false;
  return bytes === undefined || bytes > linkWindowBytes || request.header("expect") !== undefined;
}

/** Its rest is the same for requests that are equal in what it is made of. */
function headOf(request: HttpRequest, held: boolean): string {
  const { notes } = request;
  if (notes === undefined) return renderPeer(request) + renderRequestHead(request, request.body.bytes, held);
  notes.kept ??= detached(renderRequestHead(request, request.body.bytes, held));
  return renderPeer(request) + (notes.kept as string);
}

/** Refused as it breaks off before its first piece. */
const brokenBody = { bytes: undefined, resume: nothing, cancel: nothing };

function nothing(): void {}
