import { readBody } from "../../lib/body.ts";
import type { CancelSignal } from "../../lib/cancel.ts";
import type { World } from "../../lib/world.ts";
import { asPlatformError, PlatformError } from "../../model/error.ts";
import { limits } from "../../model/limits.ts";
import type { Dial, FunctionRequest, FunctionResponse, Session, SessionCaller } from "../protocol.ts";
import { promisedCall } from "../promised-call.ts";
import { UnseenCall } from "../unseen-call.ts";
import { acceptedText, invalidModeText, notFoundText, pongText, tooLargeText, unknownIdText, wrongStateText } from "./answers.ts";
import { headerOf, refuse } from "./asked.ts";
import { type Asked, Connection, type Site } from "./connection.ts";
import { EventHeads } from "./event-head.ts";
import type { Extensions } from "./extensions.ts";
import { errorBytesMax, invalidMode, responseTooLarge, saidError, trailedError } from "./failures.ts";
import { Invocation } from "./invocation.ts";
import { StreamedResponse } from "./streamed-response.ts";

/** A runtime that told an error polls again, or ends, within so long as a rule. */
const pollMsMax = 1000;

/** Bytes of a response that is not streamed: 6 MiB and a little. */
const responseBytesMax = 6 * 1024 * 1024 + 100;

export interface RuntimeSessionOptions {
  /** Null: whoever takes connections hands over what is asked on them. */
  readonly dial: Dial | null;
  readonly arn: string;
  readonly world: World;
  /** Events that may be in the hands of the runtime at a time. */
  readonly concurrency: number;
  /** What results are said to be that are not streamed. Absent: what the runtime says. */
  readonly resultType?: string;
  /** Serve what is none of the runtime's own requests. */
  readonly extensions: Pick<Extensions, "asked" | "closed">;
}

/**
 * One running runtime, which polls for its events. A call is given to whoever polled first; one that finds nobody waits for the next poll. Calls that were
 * handed over wait for their answer under their ids, and for nothing else: which connection an answer comes on is the runtime's affair.
 */
export class RuntimeSession implements Session, Site {
  /** Resolves with the first poll; rejects where the runtime says before that it cannot start. */
  readonly ready: Promise<void>;
  readonly #options: RuntimeSessionOptions;
  readonly #heads: EventHeads;
  readonly #starting = Promise.withResolvers<void>();
  readonly #over = new AbortController();
  readonly #connections = new Set<Connection>();
  readonly #polls: Connection[] = [];
  readonly #waiting: Invocation[] = [];
  readonly #running = new Map<string, Invocation>();
  /** Those of them that the runtime has told an error of. */
  readonly #failed = new Map<Invocation, PlatformError>();
  #isReady = false;
  #usable = true;
  #closed = false;

  constructor(options: RuntimeSessionOptions) {
    this.#options = options;
    this.#heads = new EventHeads(options.arn);
    this.ready = this.#starting.promise;
    this.ready.catch(() => {});
    if (options.dial !== null) void this.#accept(options.dial);
  }

  get usable(): boolean {
    return this.#usable;
  }

  call(request: FunctionRequest, signal: CancelSignal): Promise<FunctionResponse> {
    return promisedCall((caller) => this.begin(request, signal, caller));
  }

  begin(request: FunctionRequest, signal: CancelSignal, caller: Pick<SessionCaller, "answered" | "failed">): void {
    const invocation = new Invocation(request, signal, caller, (over) => this.#forget(over));
    const whole = request.body.take?.() ?? null;
    if (whole !== null) return this.#offer(invocation, whole);
    readBody(request.body, limits.requestBytesMax, requestTooLarge).then(
      (event) => this.#offer(invocation, event),
      (error: unknown) => invocation.fail(error),
    );
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#over.abort(ended());
    for (const connection of this.#connections) connection.close();
    this.end();
  }

  /** Fails all calls and takes no more; connections stay. */
  end(): void {
    this.#usable = false;
    this.#starting.reject(notReady());
    this.#tellFailed();
    for (const invocation of this.#running.values()) invocation.fail(ended());
    for (const invocation of this.#waiting.slice()) invocation.fail(new UnseenCall(invocation.event));
  }

  // Of the site: requests of the runtime.

  asked(request: Asked): void {
    const { method, path } = request.head;
    if (!isOfRuntime(path)) return this.#options.extensions.asked(request);
    if (method === "POST") return this.#posted(request, path);
    request.body.cancel();
    if (method !== "GET") request.connection.answer(notFoundText);
    else if (path === nextPath) this.#polled(request.connection);
    else request.connection.answer(path === pingPath ? pongText : notFoundText);
  }

  closed(connection: Connection): void {
    this.#connections.delete(connection);
    this.#options.extensions.closed(connection);
    const at = this.#polls.indexOf(connection);
    if (at !== -1) this.#polls.splice(at, 1);
  }

  async #accept(dial: Dial): Promise<void> {
    try {
      for (;;) this.#connections.add(new Connection(await dial(this.#over.signal), this));
    } catch (error) {
      // What a program that has ended said last may still be on its way: whoever started it knows, and does not wait for long.
      if (!this.#closed && asPlatformError(error).code !== "function_start_failed") this.#starting.reject(error);
    }
  }

  #polled(connection: Connection): void {
    this.#tellFailed();
    if (!this.#isReady) {
      this.#isReady = true;
      this.#starting.resolve();
    }
    const { concurrency } = this.#options;
    if (this.#running.size >= concurrency) return connection.answer(wrongStateText("InvocationResponse", "Ready"));
    // Of a connection that was given up its end may come later than the poll that takes its place.
    if (this.#polls.length >= concurrency) this.#polls.shift()?.answer(wrongStateText("Ready", "Ready"));
    this.#polls.push(connection);
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) this.#hand(waiting);
  }

  /** `event`: the whole body. Without one it is an empty object: runtimes want JSON. */
  #offer(invocation: Invocation, event: Buffer): void {
    if (invocation.over) return;
    invocation.event = event.length === 0 ? emptyEvent : event;
    if (!this.#usable) invocation.fail(new UnseenCall(invocation.event));
    else if (this.#polls.length > 0) this.#hand(invocation);
    else this.#waiting.push(invocation);
  }

  /** Gives it to the poll that waits longest. */
  #hand(invocation: Invocation): void {
    const { request, id, event } = invocation;
    let head: string;
    try {
      head = this.#heads.of(request, id, event.length);
    } catch (error) {
      return invocation.fail(error);
    }
    this.#running.set(id, invocation);
    (this.#polls.shift() as Connection).answerWith(head, event);
  }

  #forget(invocation: Invocation): void {
    this.#failed.delete(invocation);
    if (this.#running.get(invocation.id) === invocation) this.#running.delete(invocation.id);
    const at = this.#waiting.indexOf(invocation);
    if (at !== -1) this.#waiting.splice(at, 1);
  }

  #posted(request: Asked, path: string): void {
    if (path.startsWith(invocationPrefix)) {
      const slash = path.indexOf("/", invocationPrefix.length);
      const what = path.slice(slash + 1);
      if (slash !== -1 && (what === "response" || what === "error")) {
        const invocation = this.#running.get(path.slice(invocationPrefix.length, slash));
        if (invocation === undefined || invocation.isAnswered) return refuse(request, unknownIdText);
        return what === "response" ? this.#respond(request, invocation) : this.#fail(request, invocation);
      }
    }
    if (path !== initErrorPath) return refuse(request, notFoundText);
    if (this.#isReady) return refuse(request, wrongStateText("Ready", "InitError"));
    void this.#notStarted(request);
  }

  #respond(request: Asked, invocation: Invocation): void {
    const mode = headerOf(request, "lambda-runtime-function-response-mode");
    if (mode !== undefined && mode !== "streaming")
      return this.#refuseResponse(request, invocation, invalidModeText, invalidMode());
    const { body, connection } = request;
    const type = headerOf(request, "content-type") ?? "application/json";
    // The client for Go has everything in chunks and names no mode; what it streams is never called JSON.
    const isStreamed = mode !== undefined || (body.bytes === undefined && !type.startsWith("application/json"));
    if (isStreamed) return invocation.stream(["Content-Type", type], new StreamedResponse(request, () => invocation.end()));
    const headers = ["Content-Type", this.#options.resultType ?? type];
    const said = () => connection.answer(acceptedText);
    const whole = (body.bytes ?? 0) <= responseBytesMax ? body.take() : null;
    if (whole !== null) return invocation.answer(headers, whole, said);
    invocation.isAnswered = true;
    this.#gathered(request, invocation).then(
      (response) => invocation.answer(headers, response, said),
      (error: PlatformError) => {
        said();
        invocation.fail(error);
      },
    );
  }

  /** The whole response. Rejects with what its call fails with; where it is too long that has been answered. */
  async #gathered(request: Asked, invocation: Invocation): Promise<Buffer> {
    let isTooLong = false;
    const tooLong = () => {
      isTooLong = true;
      return responseTooLarge(responseBytesMax);
    };
    const response = await readBody(request.body, responseBytesMax, tooLong).catch((error: unknown) => {
      if (isTooLong) this.#refuseResponse(request, invocation, tooLargeText(responseBytesMax), error as PlatformError);
      throw error;
    });
    const error = trailedError(request.body.trailers);
    if (error !== null) throw error;
    return response;
  }

  /** Clients end themselves when their response is refused, so they get no call any more. */
  #refuseResponse(request: Asked, invocation: Invocation, text: string, error: PlatformError): void {
    this.#usable = false;
    refuse(request, text);
    invocation.fail(error);
  }

  #fail(request: Asked, invocation: Invocation): void {
    invocation.isAnswered = true;
    void saidIn(request).then((error) => {
      if (!invocation.over) this.#failed.set(invocation, error);
      request.connection.answer(acceptedText);
      this.#options.world.after(pollMsMax, () => this.#tellFailed());
    });
  }

  /** Calls that failed are told so once the runtime polls again, or has ended: some end themselves after an error, and the next call would meet that. */
  #tellFailed(): void {
    for (const [invocation, error] of this.#failed) invocation.fail(error);
  }

  async #notStarted(request: Asked): Promise<void> {
    const error = await saidIn(request);
    request.connection.answer(acceptedText);
    this.#starting.reject(error);
  }
}

const version = "/2018-06-01";
const nextPath = `${version}/runtime/invocation/next`;
const invocationPrefix = `${version}/runtime/invocation/`;
const initErrorPath = `${version}/runtime/init/error`;
const pingPath = "/ping";
const emptyEvent = Buffer.from("{}");

/** Whether requests to this path are those of a runtime. */
export function isOfRuntime(path: string): boolean {
  return path.startsWith(version) || path === pingPath;
}

/** The error that a request tells of; one that breaks off, or says too much, counts for what its head says. */
async function saidIn(request: Asked): Promise<PlatformError> {
  const type = headerOf(request, "lambda-runtime-function-error-type");
  const said = await readBody(request.body, errorBytesMax, requestTooLarge).catch(() => Buffer.alloc(0));
  return saidError(said, type);
}

function requestTooLarge(): PlatformError {
  return new PlatformError("too_large", `The request's body is over the limit of ${limits.requestBytesMax} bytes`);
}

function ended(): PlatformError {
  return new PlatformError("function_exited", "The runtime ended in the middle of a call");
}

function notReady(): PlatformError {
  return new PlatformError("function_start_failed", "The runtime ended before it asked for its first call", {
    details: { ended: true },
  });
}
