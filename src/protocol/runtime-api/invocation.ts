import { WholeBody } from "../../lib/body.ts";
import type { CancelSignal } from "../../lib/cancel.ts";
import type { FunctionRequest, SessionCaller } from "../protocol.ts";
import { requestIdOf } from "./event-head.ts";
import type { StreamedResponse } from "./streamed-response.ts";

/**
 * A call on its way to the runtime, or in its hands, until it is over: answered with a whole response, at the end of a streamed one, or failed. What comes
 * after that is not heard.
 */
export class Invocation {
  readonly request: FunctionRequest;
  /** As the runtime knows it. */
  readonly id: string;
  event: Buffer = nothing;
  /** The runtime has begun to answer: it may not do so again. */
  isAnswered = false;
  readonly #signal: CancelSignal;
  readonly #caller: Pick<SessionCaller, "answered" | "failed">;
  readonly #ended: (invocation: Invocation) => void;
  #streamed: StreamedResponse | null = null;
  #over = false;

  /** `ended` hears once, before the caller does. */
  constructor(
    request: FunctionRequest,
    signal: CancelSignal,
    caller: Pick<SessionCaller, "answered" | "failed">,
    ended: (invocation: Invocation) => void,
  ) {
    this.request = request;
    this.id = requestIdOf(request.callId);
    this.#signal = signal;
    this.#caller = caller;
    this.#ended = ended;
    if (signal.aborted) this.handleEvent();
    else signal.addEventListener("abort", this);
  }

  get over(): boolean {
    return this.#over;
  }

  /** Of the signal: the caller went away. */
  handleEvent(): void {
    this.request.body.cancel();
    this.fail(this.#signal.reason);
  }

  /** Answers with a whole body. `said` is run in between: the slot is free, the caller does not know yet. */
  answer(headers: readonly string[], body: Buffer, said: () => void): void {
    if (this.#over) return said();
    this.isAnswered = true;
    this.end();
    said();
    this.#caller.answered(200, headers, new WholeBody(body));
  }

  /** Answers with a body that is still coming; `end` is to be called when it has. */
  stream(headers: readonly string[], response: StreamedResponse): void {
    this.isAnswered = true;
    this.#streamed = response;
    this.#caller.answered(200, headers, response);
  }

  fail(error: unknown): void {
    if (this.#over) return;
    this.end();
    if (this.#streamed === null) this.#caller.failed(error);
    else this.#streamed.break(error);
  }

  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#signal.removeEventListener("abort", this);
    this.#ended(this);
  }
}

const nothing = Buffer.alloc(0);
