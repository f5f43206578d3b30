import { type BodySource, WholeBody } from "../lib/body.ts";
import type { CancelSignal } from "../lib/cancel.ts";
import type { World } from "../lib/world.ts";
import { asPlatformError, PlatformError } from "../model/error.ts";
import type { LogLine, StartType } from "../model/model.ts";
import { limits } from "../model/limits.ts";
import type { FunctionRequest, FunctionResponse, HttpOrigin, Session, SessionCaller } from "../protocol/protocol.ts";
import { UnseenCall } from "../protocol/unseen-call.ts";
import { type BodyFate, CountedBody } from "./counted-body.ts";
import type { Timed } from "../lib/deadlines.ts";
import { cancelGrace, exitError, ownExit, type Instance } from "./instance.ts";
import type { AgentCall } from "./link.ts";
import type { Pool, Slot } from "./pool.ts";

/**
 * One call on its way through the agent: it *waits* for a slot, *runs*, and is *done* with the last byte of the answer or the
 * failure. Whatever happens, `report` is called once, and the slot is given back or its sandbox killed. One object plays all parts: the
 * request as the code sees it, who hears the session, and who is told when the time is up.
 *
 * When the time is up the sandbox is killed, and what the session then says is told as that reason. When the caller or a reader of the
 * answer goes away the code is told so by its protocol and has a moment to end by itself; then its sandbox, which serves nobody else
 * any more, is killed all the same. With a concurrency above 1 the other calls in it end with it: code cannot be stopped in part.
 * A call that came to a program which had ended, and saw nothing of it, waits for another slot.
 */
export class Run implements FunctionRequest, SessionCaller, BodyFate, Timed {
  readonly call: AgentCall;
  body: CountedBody;
  /** Milliseconds since the epoch. */
  deadlineAt = 0;
  // Of the list of time limits.
  dueAt = 0;
  earlier: Timed | null = null;
  later: Timed | null = null;
  readonly #world: World;
  /** Called once, after `report`. */
  readonly #ended: (start: StartType) => void;
  /** Finds it another slot. */
  readonly #again: (run: Run, signal: CancelSignal) => void;
  readonly #beganAt: number;
  #answer: CountedBody | null = null;
  /** Monotonic ms; -1: it has none yet. */
  #slotAt = -1;
  #slot: Slot | null = null;
  #pool: Pool | null = null;
  #signal: CancelSignal | null = null;
  /** What a cancelled call still gets. */
  #grace: Promise<void> | null = null;
  /** Why we killed the sandbox, or are about to. */
  #killed: PlatformError | null = null;
  #done = false;

  /** `beganAt`: monotonic ms. */
  constructor(
    call: AgentCall,
    world: World,
    beganAt: number,
    ended: (start: StartType) => void,
    again: (run: Run, signal: CancelSignal) => void,
  ) {
    this.call = call;
    this.#ended = ended;
    this.#again = again;
    this.#world = world;
    this.#beganAt = beganAt;
    this.body = new CountedBody(call.request.body, limits.requestBytesMax, requestTooLarge, null);
  }

  get callId(): string {
    return this.call.request.callId;
  }

  get headers(): readonly string[] {
    return this.call.request.headers;
  }

  get traceparent(): string | undefined {
    return this.call.request.traceparent;
  }

  get http(): HttpOrigin | null {
    return this.call.request.http;
  }

  /** The request as the code will see it; its time counts from now. */
  request(): FunctionRequest {
    this.deadlineAt = this.#world.now() + this.call.fn.timeoutMs;
    return this;
  }

  /** Runs the call in its slot, which it has from `now` on, in monotonic ms. The call hears of a failure after the code is dead or done with it. */
  execute(pool: Pool, slot: Slot, signal: CancelSignal, now: number): void {
    this.#pool = pool;
    this.#slot = slot;
    this.#signal = signal;
    this.#slotAt = now;
    pool.deadlines.add(this, now);
    const { session } = slot.instance;
    const request = this.request();
    if (session.begin === undefined) return void this.#wait(session, request, signal);
    try {
      session.begin(request, signal, this);
    } catch (error) {
      this.failed(error);
    }
  }

  async #wait(session: Session, request: FunctionRequest, signal: CancelSignal): Promise<void> {
    let response: FunctionResponse;
    try {
      response = await session.call(request, signal);
    } catch (error) {
      this.failed(error);
      return;
    }
    this.answered(response.status, response.headers, response.body);
  }

  answered(status: number, headers: readonly string[], body: BodySource): void {
    this.#answer = new CountedBody(body, limits.responseBytesMax, responseTooLarge, this);
    this.call.answered(status, headers, this.#answer);
  }

  failed(error: unknown): void {
    const { instance } = this.#slot as Slot;
    if (error instanceof UnseenCall && this.#killed === null) return void this.#elsewhere(instance, error);
    void this.#failure(instance, error).then((failure) => this.fail(failure));
  }

  printed({ stream, text }: Omit<LogLine, "at">): void {
    this.call.log({ at: this.#world.now(), stream, text });
  }

  timeUp(): void {
    const { instance } = this.#slot as Slot;
    this.#killed ??= timedOut(this.call.fn.timeoutMs);
    void instance.stop("timeout").then(() => instance.session.close());
  }

  /** The call is over with an error; a sandbox that may still work on it is killed already. */
  fail(error: unknown): void {
    const failure = asPlatformError(error);
    this.#finish(failure);
    this.call.failed(failure);
  }

  bodyEnded(): void {
    this.#finish(null);
  }

  async bodyBroke(error: Error): Promise<PlatformError> {
    const failure = await this.#failure((this.#slot as Slot).instance, error);
    this.#finish(failure);
    return failure;
  }

  bodyDropped(): void {
    if (this.#done) return;
    void this.bodyBroke(new PlatformError("cancelled", "The caller went away before the answer ended"));
  }

  /** Waits until what broke is dead, and finds the best name for it. */
  async #failure(instance: Instance, error: unknown): Promise<PlatformError> {
    const failure = asPlatformError(error);
    if (this.#killed === null && failure.code === "function_failed" && instance.session.usable) return failure;
    instance.ended = true;
    if (this.#killed === null && (failure.code === "cancelled" || error === this.#signal?.reason)) {
      this.#killed = failure;
      this.#grace = cancelGrace(instance, this.#world);
    }
    // Of two who break off, a caller and the reader of its answer, the second one must not cut it short.
    await this.#grace;
    // A program that closed its connection is about to say how it ends; killing it at once would hide that.
    if (this.#killed === null && failure.code === "function_exited") await ownExit(instance.sandbox, this.#world);
    const exit = await instance.stop("failure");
    if (this.#killed !== null) return this.#killed;
    return exit.outOfMemory || failure.code === "function_exited" ? exitError(exit) : failure;
  }

  /** The code has seen nothing of the call: it waits again, as if it had until now. */
  async #elsewhere(instance: Instance, { event }: UnseenCall): Promise<void> {
    instance.ended = true;
    await instance.stop("failure");
    this.#giveBack(instance, 0, this.#world.monotonic());
    this.#slot = null;
    this.#slotAt = -1;
    this.body = new CountedBody(new WholeBody(event), limits.requestBytesMax, requestTooLarge, null);
    this.#again(this, this.#signal as CancelSignal);
  }

  #giveBack(instance: Instance, runMs: number, now: number): void {
    this.#pool?.deadlines.remove(this);
    instance.end(now);
    this.#pool?.release(instance, runMs, now);
  }

  #finish(error: PlatformError | null): void {
    if (this.#done) return;
    this.#done = true;
    const now = this.#world.monotonic();
    const slotAt = this.#slotAt === -1 ? now : this.#slotAt;
    const instance = this.#slot === null ? null : this.#slot.instance;
    const start = this.#slot === null ? "none" : this.#slot.start;
    const settled = instance === null ? undefined : this.#settle(instance, now - slotAt, now);
    const made = (start === "cold" || start === "prewarmed") && instance !== null;
    const createMs = made ? instance.createMs : 0;
    const initMs = made ? instance.initMs : 0;
    this.call.report({
      start,
      sandboxId: instance === null ? null : instance.sandbox.id,
      waitMs: Math.max(0, slotAt - this.#beganAt - createMs - initMs),
      createMs,
      initMs,
      runMs: now - slotAt,
      requestBytes: this.body.total,
      responseBytes: this.#answer === null ? 0 : this.#answer.total,
      error,
      settled,
    });
    this.#ended(start);
  }

  /** Gives the sandbox back once it is done with the call, whose time limit is for that, too. Undefined: it was already. */
  #settle(instance: Instance, runMs: number, now: number): Promise<void> | undefined {
    const settling = instance.session.settling?.() ?? null;
    if (settling !== null) return settling.then(() => this.#giveBack(instance, runMs, this.#world.monotonic()));
    this.#giveBack(instance, runMs, now);
    return undefined;
  }
}

function requestTooLarge(bytesMax: number): PlatformError {
  return new PlatformError("too_large", `The request's body is over the limit of ${bytesMax} bytes`);
}

function responseTooLarge(bytesMax: number): PlatformError {
  return new PlatformError("response_too_large", `The function's answer is over the limit of ${bytesMax} bytes`);
}

function timedOut(timeoutMs: number): PlatformError {
  return new PlatformError("timeout", `The function ran longer than its timeout of ${timeoutMs} ms and was ended`);
}
