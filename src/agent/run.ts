import type { CancelSignal } from "../lib/cancel.ts";
import type { World } from "../lib/world.ts";
import { asPlatformError, PlatformError } from "../model/error.ts";
import type { StartType } from "../model/model.ts";
import { limits } from "../model/limits.ts";
import type { FunctionRequest } from "../protocol/protocol.ts";
import { type BodyFate, CountedBody } from "./counted-body.ts";
import { cancelGrace, exitError, ownExit, type Instance } from "./instance.ts";
import type { AgentAnswer, AgentCall } from "./link.ts";
import type { Pool, Slot } from "./pool.ts";

/**
 * One call on its way through the agent: it *waits* for a slot, *runs*, and is *done* with the last byte of the answer or the
 * failure. Whatever happens, `report` is called once, and the slot is given back or its sandbox killed.
 *
 * When the time is up the sandbox is killed, and what the session then says is told as that reason. When the caller or a reader of the
 * answer goes away the code is told so by its protocol and has a moment to end by itself; then its sandbox, which serves nobody else
 * any more, is killed all the same. With a concurrency above 1 the other calls in it end with it: code cannot be stopped in part.
 */
export class Run implements BodyFate {
  readonly call: AgentCall;
  readonly #world: World;
  /** Called once, after `report`. */
  readonly #ended: (start: StartType) => void;
  readonly #beganAt: number;
  readonly #request: CountedBody;
  #answer: CountedBody | null = null;
  #slotAt: number | undefined;
  #slot: Slot | undefined;
  #pool: Pool | undefined;
  #signal: CancelSignal | undefined;
  /** What a cancelled call still gets. */
  #grace: Promise<void> | null = null;
  /** Why we killed the sandbox, or are about to. */
  #killed: PlatformError | null = null;
  #done = false;
  #stopClock: (() => void) | null = null;

  constructor(call: AgentCall, world: World, ended: (start: StartType) => void) {
    this.call = call;
    this.#ended = ended;
    this.#world = world;
    this.#beganAt = world.monotonic();
    this.#request = new CountedBody(call.request.body, limits.requestBytesMax, requestTooLarge, null);
  }

  /** The request as the code will see it; the deadline counts from now. */
  request(): FunctionRequest {
    const { request, fn } = this.call;
    return {
      callId: request.callId,
      headers: request.headers,
      http: request.http,
      deadlineAt: this.#world.now() + fn.timeoutMs,
      body: this.#request,
    };
  }

  /** Runs the call in its slot. Resolves with the head of the answer; rejects after the code is dead or done with the call. */
  async execute(pool: Pool, slot: Slot, signal: CancelSignal): Promise<AgentAnswer> {
    this.#pool = pool;
    this.#slot = slot;
    this.#signal = signal;
    this.#slotAt = this.#world.monotonic();
    const { timeoutMs } = this.call.fn;
    this.#stopClock = this.#world.after(timeoutMs, () => this.#kill(slot.instance, timedOut(timeoutMs)));
    try {
      const { status, headers, body } = await slot.instance.session.call(this.request(), signal);
      this.#answer = new CountedBody(body, limits.responseBytesMax, responseTooLarge, this);
      return { status, headers, body: this.#answer };
    } catch (error) {
      throw this.fail(await this.#failure(slot.instance, error));
    }
  }

  /** The call is over with an error, which is given back; a sandbox that may still work on it is killed already. */
  fail(error: unknown): PlatformError {
    const failure = asPlatformError(error);
    this.#finish(failure);
    return failure;
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

  #kill(instance: Instance, reason: PlatformError): void {
    this.#killed ??= reason;
    void instance.sandbox.stop().then(() => instance.session.close());
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
    const exit = await instance.sandbox.stop();
    if (this.#killed !== null) return this.#killed;
    return exit.outOfMemory || failure.code === "function_exited" ? exitError(exit) : failure;
  }

  #finish(error: PlatformError | null): void {
    if (this.#done) return;
    this.#done = true;
    this.#stopClock?.();
    const now = this.#world.monotonic();
    const runMs = this.#slotAt === undefined ? 0 : now - this.#slotAt;
    this.#giveBack(runMs);
    const instance = this.#slot?.instance;
    const start = this.#slot?.start ?? "none";
    const made = start === "cold" || start === "prewarmed";
    const madeMs = made && instance !== undefined ? instance.createMs + instance.initMs : 0;
    this.call.report({
      start,
      sandboxId: instance?.sandbox.id ?? null,
      waitMs: Math.max(0, (this.#slotAt ?? now) - this.#beganAt - madeMs),
      createMs: made ? (instance?.createMs ?? 0) : 0,
      initMs: made ? (instance?.initMs ?? 0) : 0,
      runMs,
      requestBytes: this.#request.total,
      responseBytes: this.#answer?.total ?? 0,
      error,
    });
    this.#ended(start);
  }

  #giveBack(runMs: number): void {
    if (this.#slot === undefined || this.#pool === undefined) return;
    this.#slot.instance.end(this.call);
    this.#pool.release(this.#slot.instance, runMs);
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
