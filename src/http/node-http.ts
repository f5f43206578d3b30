import { Cancel, type CancelSignal } from "../lib/cancel.ts";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { BodySource } from "../lib/body.ts";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import { Answer, badHead } from "./answer.ts";
import type { Connection } from "./connection.ts";
import { headerOf } from "./headers.ts";
import type { HttpRequest, HttpResponse } from "./http.ts";
import { dropUnreadBody, hasBody } from "./linger.ts";
import { IncomingBody, noBody } from "./node-body.ts";
import { refusalBody, httpStatusOf } from "./refusal.ts";
import { framedHeaders } from "./response-headers.ts";

/** What an exchange needs of its listener. */
export interface ExchangeContext {
  readonly world: World;
  readonly bodyBytesMax: number;
}

/**
 * One request and its answer over `node:http`, as the two types of `http.ts`. One object plays both parts, and what is not always
 * needed (body, signal) is made when asked for.
 */
export class NodeExchange implements HttpRequest, HttpResponse {
  readonly method: string;
  readonly target: string;
  readonly path: string;
  readonly #connection: Connection;
  readonly #incoming: IncomingMessage;
  readonly #outgoing: ServerResponse;
  readonly #context: ExchangeContext;
  #body: BodySource | null = null;
  #cancel: Cancel | null = null;
  #answer: Answer | null = null;
  #answered = false;
  /** The listener has answered in the handler's place, which cannot know: what it says later goes nowhere. */
  #refused = false;
  #gone: PlatformError | null;
  #expectsContinue = false;

  constructor(connection: Connection, incoming: IncomingMessage, outgoing: ServerResponse, context: ExchangeContext) {
    this.#connection = connection;
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    this.#context = context;
    this.#gone = connection.gone;
    this.method = incoming.method as string;
    const target = incoming.url as string;
    const question = target.indexOf("?");
    this.target = target;
    this.path = question === -1 ? target : target.slice(0, question);
    connection.begin(this);
  }

  get headers(): readonly string[] {
    return this.#incoming.rawHeaders;
  }

  header(name: string): string | undefined {
    return headerOf(this.#incoming.rawHeaders, name);
  }

  get peer(): string {
    return this.#connection.peer;
  }

  get loopback(): boolean {
    return this.#connection.loopback;
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
    this.#claim();
    if (this.#unreachable()) return;
    const bytes = typeof body === "string" ? Buffer.byteLength(body) : body.length;
    try {
      this.#outgoing.writeHead(status, framedHeaders(headers, bytes, status, this.method));
    } catch (error) {
      this.refuse(badHead(error));
      return;
    }
    this.#outgoing.end(body);
    this.finished();
  }

  stream(status: number, headers: readonly string[], body: BodySource, done: (error?: Error) => void): void {
    this.#claim();
    if (this.#unreachable()) {
      body.cancel();
      done(this.#gone ?? clientGone());
      return;
    }
    this.#answer = new Answer(this.#outgoing, this.method, { status, headers }, body, {
      refused: (error) => this.refuse(error),
      done: (error) => {
        this.finished();
        done(error);
      },
    });
    this.#answer.start();
  }

  /** Answers in the listener's own words, in place of a handler. Ends the connection when an answer has begun already. */
  refuse(error: PlatformError): void {
    this.#answered = true;
    this.#refused = true;
    this.finished();
    if (this.#unreachable()) return;
    if (this.#outgoing.headersSent) {
      this.#outgoing.destroy();
      return;
    }
    const body = refusalBody(error, null);
    const headers = ["Content-Type", "application/json"];
    this.#outgoing.writeHead(httpStatusOf(error.code), framedHeaders(headers, Buffer.byteLength(body), 500, this.method));
    this.#outgoing.end(body);
  }

  /** The client waits for `100 Continue`, which it gets when somebody asks for the body. */
  expectContinue(): void {
    this.#expectsContinue = true;
  }

  /** The whole request has arrived. */
  get complete(): boolean {
    return this.#incoming.complete;
  }

  /** The client is away: what reads the body, what writes the answer and whoever holds the signal hear of it. */
  abandon(reason: PlatformError): void {
    if (this.#gone !== null) return;
    this.#gone = reason;
    if (this.#body instanceof IncomingBody) this.#body.fail(reason);
    this.#answer?.lost(reason);
    this.#cancel?.abort(reason);
    this.finished();
  }

  /** The rest of the body will not come: it was too slow or broke the grammar. Whoever reads it answers; else we do. */
  receiveFailed(error: PlatformError): void {
    this.closeAfter();
    if (this.#body instanceof IncomingBody && this.#body.fail(error) && !this.#answered) return;
    this.refuse(error);
    // Nobody is left to read what the handler is still working on.
    this.abandon(new PlatformError("cancelled", `The request broke off: ${error.message}`, { cause: error }));
  }

  /** The answer is to be the last one of its connection. Too late once its head is written. */
  closeAfter(): void {
    if (!this.#outgoing.headersSent) this.#outgoing.shouldKeepAlive = false;
  }

  /** Nothing more will happen on this exchange. */
  finished(): void {
    if (this.#connection.end(this)) this.#cancel = null;
  }

  /** A body that nobody reads: a small one is thrown away, with a large one goes the connection. */
  dropBody(): void {
    dropUnreadBody(this.#incoming, this.#outgoing, this.#context.world);
  }

  #claim(): void {
    if (this.#answered && !this.#refused) throw new Error("This request was answered already");
    this.#answered = true;
    if (!(this.#body instanceof IncomingBody && this.#body.reading)) this.dropBody();
  }

  #unreachable(): boolean {
    return this.#gone !== null || this.#outgoing.destroyed;
  }

  #makeBody(): BodySource {
    if (!hasBody(this.#incoming)) return noBody;
    const length = this.#incoming.headers["content-length"];
    const bytes = length === undefined ? undefined : Number(length);
    const body = new IncomingBody(this.#incoming, bytes, this.#context.bodyBytesMax, {
      wanted: () => this.#continue(),
      unwanted: () => this.dropBody(),
    });
    if (this.#gone !== null) body.fail(this.#gone);
    return body;
  }

  #continue(): void {
    if (this.#expectsContinue && !this.#answered) this.#outgoing.writeContinue();
  }
}

/** The reason of every signal and body that ends because nobody is there to read the answer. */
export function clientGone(): PlatformError {
  return new PlatformError("cancelled", "The client closed the connection before the answer was complete");
}
