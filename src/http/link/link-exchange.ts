import { type BodySource, WholeBody } from "../../lib/body.ts";
import { Cancel, type CancelSignal } from "../../lib/cancel.ts";
import { asPlatformError, PlatformError } from "../../model/error.ts";
import { ArrivingBody, type ArrivingOwner, ownPiece } from "../../wire/arriving-body.ts";
import { BodyFeed, type FeedHead, type FeedOwner } from "../../wire/body-feed.ts";
import { noBytes } from "../../wire/frame-writer.ts";
import { creditFrame, flagEnd, frameHead, frameType } from "../../wire/frames.ts";
import { badHead, lengthBroken } from "../answer.ts";
import { headerOf } from "../headers.ts";
import type { HttpRequest, HttpResponse } from "../http.ts";
import { noBody } from "../node-body.ts";
import { clientGone } from "../node-http.ts";
import { httpStatusOf, refusalBody } from "../refusal.ts";
import { mayHaveBody } from "../response-headers.ts";
import type { LinkPeer, LinkRequestHead } from "./heads.ts";
import type { KnownHead } from "./known-head.ts";
import { errorIn, type Link, type LinkStream, linkWindowBytes, tellError } from "./link.ts";
import { renderOwn, renderResultHead } from "./result-heads.ts";

/**
 * One request and its answer in the core, as the two types of `http.ts`, on a stream of a front's link. It is over when its answer is told and
 * its request has come or is wanted no more.
 */
export class LinkExchange implements HttpRequest, HttpResponse, LinkStream, FeedOwner, ArrivingOwner {
  readonly body: BodySource;
  readonly notes: KnownHead;
  readonly peer: string;
  readonly loopback: boolean;
  readonly #link: Link;
  readonly #id: number;
  readonly #head: LinkRequestHead;
  /** Null where the request came whole. */
  readonly #arriving: ArrivingBody | null;
  #cancel: Cancel | null = null;
  /** `refused`: we have answered in the handler's place, which cannot know: what it says later goes nowhere. */
  #claimed: "no" | "yes" | "refused" = "no";
  #answered = false;
  #gone: PlatformError | null = null;
  // The streamed answer.
  #status = 200;
  #headers: readonly string[] = [];
  #source: BodySource = noBody;
  #done: (error?: Error) => void = nothing;
  #feed: BodyFeed | null = null;

  constructor(link: Link, id: number, known: KnownHead, { peer, loopback }: LinkPeer, piece: Buffer, whole: boolean) {
    const { head } = known;
    this.notes = known;
    this.#link = link;
    this.#id = id;
    this.#head = head;
    this.peer = peer;
    this.loopback = loopback;
    this.#arriving = whole ? null : new ArrivingBody(this, head.bytes, linkWindowBytes, !head.held);
    this.body = this.#arriving ?? (piece.length === 0 ? noBody : new WholeBody(ownPiece(piece)));
    this.#arriving?.push(piece);
    link.open(id, this);
  }

  get method(): string {
    return this.#head.method;
  }

  get target(): string {
    return this.#head.target;
  }

  get path(): string {
    return this.#head.path;
  }

  get headers(): readonly string[] {
    return this.#head.headers;
  }

  header(name: string): string | undefined {
    return headerOf(this.#head.headers, name);
  }

  get signal(): CancelSignal {
    if (this.#cancel === null) {
      this.#cancel = new Cancel();
      if (this.#gone !== null) this.#cancel.abort(this.#gone);
    }
    return this.#cancel;
  }

  send(status: number, headers: readonly string[], body: Buffer | string): void {
    if (!this.#claim(null)) return;
    const piece = typeof body === "string" ? Buffer.from(body) : body;
    if (piece.length > linkWindowBytes && this.#hasBody(status))
      return this.#stream(status, headers, new WholeBody(piece), nothing);
    this.#whole(status, headers, piece, piece.length);
  }

  stream(status: number, headers: readonly string[], body: BodySource, done: (error?: Error) => void): void {
    if (this.#claim(body)) return this.#stream(status, headers, body, done);
    body.cancel();
    done(this.#gone ?? clientGone());
  }

  streamAlike(
    status: number,
    headers: readonly string[],
    own: readonly string[],
    body: BodySource,
    done: (error?: Error) => void,
  ): void {
    const isShort = body.bytes === undefined || body.bytes <= linkWindowBytes;
    const piece = isShort && this.#hasBody(status) && this.#claimed === "no" && this.#gone === null ? body.take?.() : null;
    if (!piece) return this.stream(status, [...headers, ...own], body, done);
    this.#claim(null);
    if (piece.length > linkWindowBytes) return this.#pipe(status, [...headers, ...own], new WholeBody(piece), done);
    this.#sendWhole(piece, () => renderOwn(own, this.notes.common.render(status, headers)));
    done();
  }

  sendAlike(status: number, headers: readonly string[], own: readonly string[], body: string): void {
    this.streamAlike(status, headers, own, new WholeBody(Buffer.from(body)), nothing);
  }

  /** Answers in the listener's own words, in place of a handler. */
  refuse(error: PlatformError): void {
    this.#claimed = "refused";
    if (this.#gone !== null || this.#answered) return;
    this.#dropBody();
    if (this.#feed?.begun === true) return this.#cut(error);
    const body = Buffer.from(refusalBody(error, null));
    this.#whole(httpStatusOf(error.code), ["Content-Type", "application/json"], body, body.length);
  }

  // What comes from the front.

  frame(type: number, flags: number, payload: Buffer): void {
    if (type === frameType.body) {
      this.#arriving?.push(payload);
      if ((flags & flagEnd) === 0) return;
      this.#arriving?.close();
      this.#mayEnd();
    } else if (type === frameType.credit) this.#feed?.credit(payload.readUInt32BE(0));
    else if (type === frameType.error) this.#broken(errorIn(payload));
  }

  lost(): void {
    this.#abandon(clientGone());
  }

  // What the body of the request needs.

  taken(bytes: number): void {
    if (!this.#link.closed) this.#link.writer.write(creditFrame(this.#id, bytes));
  }

  dropped(): void {
    if (this.#gone === null && !this.#link.closed) this.#link.writer.write(frameHead(frameType.cancel, this.#id, 0));
    this.#mayEnd();
  }

  // What the body of the answer needs.

  head(): FeedHead {
    const text = renderResultHead(this.#status, this.#headers, this.#source.bytes);
    return { type: frameType.result, text, bytes: noBytes };
  }

  fed(): void {
    this.#isAnswered();
    this.#done();
  }

  feedFailed(failure: Error | null): void {
    const error = failure ?? lengthBroken(this.#source.bytes as number);
    if (this.#feed?.begun === true) this.#cut(asPlatformError(error));
    else this.refuse(asPlatformError(error));
    this.#done(error);
  }

  /** False: nobody is there to be answered. A request's body that nobody reads is dropped, unless it is to be the answer. */
  #claim(answer: BodySource | null): boolean {
    if (this.#claimed === "yes") throw new Error("This request was answered already");
    if (this.#claimed === "no") {
      this.#claimed = "yes";
      if (answer !== this.#arriving) this.#dropBody();
    }
    return this.#claimed === "yes" && this.#gone === null;
  }

  #dropBody(): void {
    if (this.#arriving?.reading !== true) this.#arriving?.cancel();
  }

  #hasBody(status: number): boolean {
    return this.#head.method !== "HEAD" && mayHaveBody(status);
  }

  #stream(status: number, headers: readonly string[], source: BodySource, done: (error?: Error) => void): void {
    if (!this.#hasBody(status)) {
      source.cancel();
      this.#whole(status, headers, noBytes, source.bytes);
      done();
      return;
    }
    const piece = source.bytes === undefined || source.bytes <= linkWindowBytes ? source.take?.() : null;
    if (!piece) return this.#pipe(status, headers, source, done);
    if (piece.length > linkWindowBytes) return this.#pipe(status, headers, new WholeBody(piece), done);
    this.#whole(status, headers, piece, piece.length);
    done();
  }

  #pipe(status: number, headers: readonly string[], source: BodySource, done: (error?: Error) => void): void {
    this.#status = status;
    this.#headers = headers;
    this.#source = source;
    this.#done = done;
    this.#feed = new BodyFeed(this.#id, this.#link.writer, source, linkWindowBytes, this);
    try {
      this.#feed.start();
    } catch (error) {
      this.#feed.stop();
      const bad = badHead(error);
      this.refuse(bad);
      done(bad);
    }
  }

  /** An answer in one frame. `bytes` are those of a body that is not sent (HEAD). */
  #whole(status: number, headers: readonly string[], piece: Buffer, bytes: number | undefined): void {
    const hasBody = this.#hasBody(status);
    this.#sendWhole(hasBody ? piece : noBytes, () => renderResultHead(status, headers, hasBody ? undefined : bytes));
  }

  #sendWhole(piece: Buffer, render: () => string): void {
    let head: string;
    try {
      head = render();
    } catch (error) {
      return this.refuse(badHead(error));
    }
    this.#link.writer.headed(frameType.result, this.#id, head, noBytes, piece, true);
    this.#isAnswered();
  }

  /** The front must see that the answer is not whole. */
  #cut(error: PlatformError): void {
    if (!this.#link.closed) tellError(this.#link, this.#id, error);
    this.#answered = true;
    this.#cancel = null;
    this.#stopFeed(error);
    this.#arriving?.cancel();
    this.#link.over(this.#id);
  }

  #stopFeed(error: PlatformError): void {
    if (this.#feed === null || this.#feed.over) return;
    this.#feed.stop();
    this.#done(error);
  }

  #isAnswered(): void {
    this.#answered = true;
    // Whoever holds the signal has what was asked for; what may still come is the rest of a body.
    this.#cancel = null;
    this.#mayEnd();
  }

  #mayEnd(): void {
    if (this.#answered && this.#arriving?.open !== true) this.#link.over(this.#id);
  }

  /** The request broke off: its client is away, or what it sent was wrong or too slow. Whoever reads the body answers; else we do. */
  #broken(error: PlatformError): void {
    if (error.code === "cancelled") return this.#abandon(error);
    const arriving = this.#arriving;
    if (error.code === "too_large" || (arriving?.reading === true && this.#claimed === "no")) {
      arriving?.close(error);
      return;
    }
    const cancel = this.#cancel;
    this.#cancel = null;
    const reason = new PlatformError("cancelled", `The request broke off: ${error.message}`, { cause: error });
    arriving?.close(reason);
    if (!this.#answered) this.refuse(error);
    this.#lose(reason, cancel);
  }

  #abandon(reason: PlatformError): void {
    if (this.#gone !== null) return;
    this.#arriving?.close(reason);
    this.#lose(reason, this.#cancel);
  }

  #lose(reason: PlatformError, cancel: Cancel | null): void {
    this.#gone = reason;
    this.#link.over(this.#id);
    this.#cancel = null;
    this.#stopFeed(reason);
    cancel?.abort(reason);
  }
}

function nothing(): void {}
