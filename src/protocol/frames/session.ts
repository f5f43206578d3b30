import type { CancelSignal } from "../../lib/cancel.ts";
import type { Duplex } from "node:stream";
import { WholeBody } from "../../lib/body.ts";
import { PlatformError } from "../../model/error.ts";
import { FrameWriter } from "../../wire/frame-writer.ts";
import { creditFrame, FrameCutter, flagEnd, flagExit, frameType, textFrame } from "../../wire/frames.ts";
import { readShared } from "../../wire/shared-reads.ts";
import type { FunctionRequest, FunctionResponse, Session, SessionCaller, SessionHooks } from "../protocol.ts";
import { promisedCall } from "../promised-call.ts";
import { detailsOf, readFailure, readJson } from "./failure.ts";
import { Breach, CallLines, HeadMemory, resultBodyStart } from "./heads.ts";
import { MarkedOutput } from "./marked-output.ts";
import { Output } from "./output.ts";
import { OpenCall } from "./open-call.ts";
import { answerWindow, readCredit, readWindow, requestWindowDefault } from "./windows.ts";

/** What a session is opened with: the payload of `init`. */
export interface SessionInit {
  readonly code: string;
  readonly handler: string | null;
  readonly concurrency: number;
  /** How the handler is called; absent: `handler(event, context)`. */
  readonly convention?: "parameters" | "lambda";
  /** Of the convention `lambda`: what the function is called where its caller names no other. */
  readonly arn?: string;
  /** Those of every call, and names that calls cannot use. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly reserved?: readonly string[];
  /** Of a runtime that was started before it was known what it will run. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Told once: the code is loaded, or why there is no session. */
export interface SessionOpening {
  /** What the runtime said before there was a session; absent: it is still to say hello. */
  readonly hello?: Buffer;
  ready(): void;
  failed(error: PlatformError): void;
}

/**
 * One connection to one runtime. It waits for *hello*, then *loading*, until the code is *ready* to be called; *closed* is final.
 * Everything that arrives is untrusted: what breaks the contract fails all calls and closes the connection.
 */
export class FramesSession implements Session {
  readonly #connection: Duplex;
  readonly #writer: FrameWriter;
  readonly #init: SessionInit;
  readonly #hooks: SessionHooks;
  readonly #opening: SessionOpening;
  readonly #calls = new Map<number, OpenCall>();
  readonly #cutter = new FrameCutter((type, id, flags, data, start, end) => this.#hear(type, id, flags, data, start, end));
  readonly #headMemory = new HeadMemory();
  readonly lines = new CallLines();
  requestWindowBytes = requestWindowDefault;
  readonly answerWindowBytes: number;
  /** What is read is in memory that others use, too. */
  readonly #lent: boolean;
  #state: "hello" | "loading" | "ready" | "closed" = "hello";
  /** The runtime said that it is about to end. */
  #exiting = false;
  #lastId = 0;
  /** Calls that nobody waits for and that the code has not ended yet. */
  #abandoned = 0;
  /** Those who want to know when the code has ended the last of them. */
  #abandonedHeard: (() => void)[] = [];
  /** Output outside any call. */
  #output: Output | null = null;
  /** Of a runtime that says on its streams where a call's output ends. */
  #marked: MarkedOutput | null = null;
  /** The newest call, while nobody has asked for marks. */
  #latest: OpenCall | null = null;
  output?: (stream: "stdout" | "stderr", data: Buffer) => void;

  constructor(connection: Duplex, init: SessionInit, hooks: SessionHooks, opening: SessionOpening) {
    this.#connection = connection;
    this.#init = init;
    this.#hooks = hooks;
    this.#opening = opening;
    this.answerWindowBytes = answerWindow(init.concurrency);
    this.#writer = new FrameWriter(connection, init.concurrency > 1);
    this.#lent = readShared(connection, (bytes, buffer) => this.#read(buffer, bytes, true));
    if (!this.#lent) connection.on("data", (data: Buffer) => this.#read(data, data.length, false));
    connection.on("error", () => {}); // Close follows and tells the same.
    connection.once("end", () => this.#end());
    connection.once("close", () => this.#end());
    if (opening.hello !== undefined) this.#hear(frameType.hello, 0, 0, opening.hello, 0, opening.hello.length);
  }

  get usable(): boolean {
    return this.#state === "ready" && !this.#exiting && this.#abandoned === 0;
  }

  call(request: FunctionRequest, signal: CancelSignal): Promise<FunctionResponse> {
    return promisedCall(
      (caller) => this.begin(request, signal, caller),
      (line) => this.#hooks.log(request.callId, line),
    );
  }

  begin(request: FunctionRequest, signal: CancelSignal, caller: SessionCaller): void {
    if (this.#state !== "ready" || this.#exiting) return caller.failed(exited("The function's process has ended already"));
    if (signal.aborted) return caller.failed(signal.reason);
    if (this.#lastId === 0xffffffff)
      return caller.failed(new PlatformError("internal", "The session has used up its ids of calls"));
    const call = new OpenCall(this, ++this.#lastId, request, signal, caller);
    this.#calls.set(call.id, call);
    if (this.#marked === null) this.#latest = call;
    else this.#marked.called(call.id, call);
    this.#writer.alone = this.#calls.size === 1;
    call.send(this.#writer);
  }

  abandonedEnded(): Promise<void> {
    if (this.#abandoned === 0 || this.#state === "closed") return Promise.resolve();
    return new Promise((resolve) => this.#abandonedHeard.push(resolve));
  }

  close(): void {
    this.#marked?.end();
    this.#close(exited("The session was closed in the middle of the call"), "The session was closed before the code was ready");
  }

  /** Nobody waits for this call any more; until the code ends it the session takes no other. */
  abandon(call: OpenCall): void {
    if (this.#state === "closed" || !this.#calls.has(call.id)) return;
    this.#abandoned++;
    this.#writer.write(textFrame(frameType.cancel, call.id, ""));
  }

  /** An answer's reader has taken a good part of what the code may send. */
  credit(call: OpenCall, bytes: number): void {
    if (this.#state === "ready") this.#writer.write(creditFrame(call.id, bytes));
  }

  #read(data: Buffer, bytes: number, lent: boolean): void {
    try {
      this.#cutter.push(data, bytes, lent);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#break(`what is no frame: ${error.message}`);
    }
  }

  #hear(type: number, id: number, flags: number, data: Buffer, start: number, end: number): void {
    if (this.#state === "closed") return;
    try {
      if (type === frameType.result && this.#state === "ready") this.#hearResult(id, flags, data, start, end);
      else if (type === frameType.log) this.#log(id, data.subarray(start, end));
      else if (this.#state === "ready") this.#hearCall(type, id, flags, this.#kept(data, start, end));
      else this.#hearOpening(type, data.subarray(start, end));
    } catch (error) {
      // A bug of ours must not pass for the reader's RangeError, which is the code's fault.
      if (!(error instanceof Breach)) throw new Error("Hearing a frame failed", { cause: error });
      this.#break(error.message);
    }
  }

  #hearOpening(type: number, payload: Buffer): void {
    if (this.#state === "hello") {
      if (type !== frameType.hello) throw new Breach(`a frame of type ${type} before hello`);
      const hello = readJson(payload, "hello");
      if (hello["protocol"] !== 1) throw new Breach("a hello of another protocol than 1");
      this.requestWindowBytes = readWindow(hello["window"]);
      this.#mark(hello["mark"], hello["marks"] === "asked");
      this.#state = "loading";
      this.#writer.write(textFrame(frameType.init, 0, JSON.stringify({ ...this.#init, window: this.answerWindowBytes })));
    } else if (type === frameType.ready) {
      this.#state = "ready";
      this.#opening.ready();
    } else if (type === frameType.failed) {
      const failure = readFailure(payload, "failed");
      const message = `The function could not be loaded: ${failure.type === "" ? "" : `${failure.type}: `}${failure.message}`;
      this.#close(null, message, detailsOf(failure));
    } else if (type >= frameType.hello && type <= frameType.cancel) {
      throw new Breach(`a frame of type ${type} before ready`);
    }
  }

  #hearCall(type: number, id: number, flags: number, payload: Buffer): void {
    if (type === frameType.hello || type === frameType.ready || type === frameType.failed) {
      throw new Breach(`a second ${type === frameType.hello ? "hello" : "ready or failed"}`);
    }
    if (type === frameType.error && (flags & flagExit) !== 0) this.#exiting = true;
    const call = this.#calls.get(id);
    if (call === undefined) return; // It has ended, or never was.
    if (type === frameType.body) this.#body(call, flags, payload);
    else if (type === frameType.error) this.#error(call, payload);
    else if (type === frameType.cancel) call.stopRequest();
    else if (type === frameType.credit) call.creditRequest(readCredit(payload));
  }

  #hearResult(id: number, flags: number, data: Buffer, start: number, end: number): void {
    const call = this.#calls.get(id);
    if (call === undefined) return; // It has ended, or never was.
    if (call.answered) throw new Breach("a second result for one call");
    const bodyStart = resultBodyStart(data, start, end);
    const head = this.#headMemory.read(data, start + 4, bodyStart);
    if (end - bodyStart > this.answerWindowBytes)
      throw new Breach(`a piece of an answer of ${end - bodyStart} bytes, without credit`);
    const piece = this.#kept(data, bodyStart, end);
    if ((flags & flagEnd) === 0) return call.begin(head, piece);
    this.#forget(call);
    call.answer(head, new WholeBody(piece));
  }

  /** A part of what was read that stays as it is. */
  #kept(data: Buffer, start: number, end: number): Buffer {
    if (!this.#lent) return data.subarray(start, end);
    const copy = Buffer.allocUnsafe(end - start);
    data.copy(copy, 0, start, end);
    return copy;
  }

  #body(call: OpenCall, flags: number, payload: Buffer): void {
    if (!call.answered) throw new Breach("a piece of a body before its result");
    call.piece(payload);
    if ((flags & flagEnd) === 0) return;
    this.#forget(call);
    call.finish();
  }

  #error(call: OpenCall, payload: Buffer): void {
    const failure = readFailure(payload, "error");
    this.#forget(call);
    call.fail(new PlatformError("function_failed", failure.message, { details: detailsOf(failure) }));
  }

  /** The call has ended on the wire. */
  #forget(call: OpenCall): void {
    this.#calls.delete(call.id);
    call.end();
    if (call.abandoned && --this.#abandoned === 0) this.#tellAbandonedEnded();
  }

  #tellAbandonedEnded(): void {
    for (const heard of this.#abandonedHeard.splice(0)) heard();
  }

  #log(id: number, payload: Buffer): void {
    const stream = payload[0];
    if (stream !== 1 && stream !== 2) throw new Breach("output of a stream that is neither 1 nor 2");
    const call = this.#calls.get(id);
    if (call === undefined) {
      this.#output ??= new Output((line) => this.#hooks.log(null, line));
      this.#output.push(stream, payload.subarray(1));
    } else {
      call.print(stream, payload.subarray(1));
    }
  }

  /** Of calls at the same time no mark could tell whose a line is. */
  #mark(mark: unknown, isAsked: boolean): void {
    if (mark === undefined || this.#init.concurrency > 1) return;
    if (typeof mark !== "string" || !markRule.test(mark)) throw new Breach("a hello with a mark that is none");
    if (!isAsked) this.#marked = new MarkedOutput(mark, (line) => this.#hooks.log(null, line), true);
    this.output = (stream, data) => (this.#marked ?? this.#askForMarks(mark)).push(stream, data);
  }

  /** Something went past the runtime. Calls of most code never do that, and pay for no marks. */
  #askForMarks(mark: string): MarkedOutput {
    const marked = new MarkedOutput(mark, (line) => this.#hooks.log(null, line), false);
    this.#marked = marked;
    if (this.#latest !== null) marked.called(this.#latest.id, this.#latest);
    this.#latest = null;
    if (this.#state !== "closed") this.#writer.write(textFrame(frameType.mark, 0, ""));
    return marked;
  }

  #break(what: string): void {
    const message = `The function's runtime broke its contract (docs/frames.md): it sent ${what}`;
    const error = new PlatformError("function_protocol", message);
    this.#close(error, error);
  }

  #end(): void {
    this.#close(
      exited("The function's process ended, or closed its connection, in the middle of the call"),
      "The function's process ended before its code was ready",
      { ended: true },
    );
  }

  #close(
    callError: PlatformError | null,
    startError: string | PlatformError,
    details: Readonly<Record<string, unknown>> = {},
  ): void {
    if (this.#state === "closed") return;
    const opened = this.#state === "ready";
    this.#state = "closed";
    this.#output?.end();
    for (const call of this.#calls.values()) {
      call.end();
      if (callError !== null) call.fail(callError);
    }
    this.#calls.clear();
    this.#tellAbandonedEnded();
    this.#connection.destroy();
    if (opened) return this.#hooks.closed?.();
    this.#opening.failed(
      typeof startError === "string" ? new PlatformError("function_start_failed", startError, { details }) : startError,
    );
  }
}

const markRule = /^[\w-]{8,64}$/;

function exited(message: string): PlatformError {
  return new PlatformError("function_exited", message);
}
