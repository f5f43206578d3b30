import type { BodySink, BodySource } from "../lib/body.ts";
import type { World } from "../lib/world.ts";
import { asPlatformError, PlatformError } from "../model/error.ts";
import { limits } from "../model/limits.ts";
import type { StartType } from "../model/model.ts";
import type { FunctionRequest, FunctionResponse } from "../protocol/protocol.ts";
import { exitError, ownExit, type Instance } from "./instance.ts";
import type { AgentAnswer, AgentCall } from "./link.ts";
import type { Pool, Slot } from "./pool.ts";

/**
 * One call on its way through the agent: it *waits* for a slot, *runs*, and is *done* with the last byte of the answer or the
 * failure. Whatever happens, `report` is called once, and the slot is given back or its sandbox killed.
 */
export class Run {
  readonly call: AgentCall;
  onDone: () => void = () => {};
  readonly #world: World;
  readonly #beganAt: number;
  readonly #kill = new AbortController();
  #slotAt: number | undefined;
  #slot: Slot | undefined;
  #pool: Pool | undefined;
  #start: StartType = "none";
  #requestBytes = 0;
  #responseBytes = 0;
  #done = false;
  #release: () => void = () => {};

  constructor(call: AgentCall, world: World) {
    this.call = call;
    this.#world = world;
    this.#beganAt = world.monotonic();
  }

  /** The request as the code will see it; the deadline counts from now. */
  request(): FunctionRequest {
    const { request, fn } = this.call;
    return {
      callId: request.callId,
      headers: request.headers,
      http: request.http,
      deadlineAt: this.#world.now() + fn.timeoutMs,
      body: counted(request.body, limits.requestBytesMax, "request", (bytes) => {
        this.#requestBytes += bytes;
      }),
    };
  }

  /** Runs the call in its slot. Resolves with the head of the answer; rejects after the code is dead or done with the call. */
  async execute(pool: Pool, slot: Slot, signal: AbortSignal): Promise<AgentAnswer> {
    this.#pool = pool;
    this.#slot = slot;
    this.#start = slot.start;
    this.#slotAt = this.#world.monotonic();
    const { timeoutMs } = this.call.fn;
    const stopClock = this.#world.after(timeoutMs, () => this.#abort(timedOut(timeoutMs)));
    const onAbort = () => this.#abort(asPlatformError(signal.reason));
    signal.addEventListener("abort", onAbort);
    this.#release = () => {
      stopClock();
      signal.removeEventListener("abort", onAbort);
    };
    if (signal.aborted) onAbort();
    try {
      const response = await slot.instance.session.call(this.request(), this.#kill.signal);
      return { status: response.status, headers: response.headers, body: this.#answerBody(response, slot.instance) };
    } catch (error) {
      throw await this.#failure(slot.instance, error);
    }
  }

  /** The call is over with an error; a sandbox that may still work on it is killed already. */
  fail(error: PlatformError): void {
    this.#finish(error);
  }

  #abort(reason: PlatformError): void {
    this.#kill.abort(reason);
  }

  /** Waits until what broke is dead, and finds the best name for it. */
  async #failure(instance: Instance, error: unknown): Promise<PlatformError> {
    const failure = asPlatformError(error);
    if (failure.code === "function_failed" && instance.session.usable) return failure;
    instance.ended = true;
    const killedByUs = this.#kill.signal.aborted;
    // A program that closed its connection is about to say how it ends; killing it at once would hide that.
    if (!killedByUs && failure.code === "function_exited") await ownExit(instance.sandbox, this.#world);
    const exit = await instance.sandbox.stop();
    if (!killedByUs && (exit.outOfMemory || failure.code === "function_exited")) return exitError(exit);
    return failure;
  }

  #answerBody(response: FunctionResponse, instance: Instance): BodySource {
    const inner = counted(response.body, limits.responseBytesMax, "response", (bytes) => {
      this.#responseBytes += bytes;
    });
    const breakOff = async (error: Error, sink: BodySink) => {
      const failure = await this.#failure(instance, error);
      this.#finish(failure);
      sink.fail(failure);
    };
    return {
      bytes: inner.bytes,
      resume: () => inner.resume(),
      cancel: () => {
        if (this.#done) return;
        inner.cancel();
        this.#abort(new PlatformError("cancelled", "The caller went away before the answer ended"));
        void this.#failure(instance, this.#kill.signal.reason).then((failure) => this.#finish(failure));
      },
      pipe: (sink) =>
        inner.pipe({
          chunk: (data) => sink.chunk(data),
          end: () => {
            this.#finish(null);
            sink.end();
          },
          fail: (error) => void breakOff(error, sink),
        }),
    };
  }

  #finish(error: PlatformError | null): void {
    if (this.#done) return;
    this.#done = true;
    this.#release();
    const now = this.#world.monotonic();
    const runMs = this.#slotAt === undefined ? 0 : now - this.#slotAt;
    this.#giveBack(runMs);
    const instance = this.#slot?.instance;
    const cold = this.#start === "cold";
    const madeMs = cold && instance !== undefined ? instance.createMs + instance.initMs : 0;
    this.call.report({
      start: this.#start,
      sandboxId: instance?.sandbox.id ?? null,
      waitMs: Math.max(0, (this.#slotAt ?? now) - this.#beganAt - madeMs),
      createMs: cold ? (instance?.createMs ?? 0) : 0,
      initMs: cold ? (instance?.initMs ?? 0) : 0,
      runMs,
      requestBytes: this.#requestBytes,
      responseBytes: this.#responseBytes,
      error,
    });
    this.onDone();
  }

  #giveBack(runMs: number): void {
    if (this.#slot === undefined || this.#pool === undefined) return;
    this.#slot.instance.end(this.call);
    if (this.#pool.once) this.#slot.instance.ended = true;
    this.#pool.release(this.#slot.instance, runMs);
  }
}

/** Counts what flows and breaks off above the limit. */
function counted(source: BodySource, bytesMax: number, what: "request" | "response", count: (bytes: number) => void): BodySource {
  let total = 0;
  return {
    bytes: source.bytes,
    resume: () => source.resume(),
    cancel: () => source.cancel(),
    pipe(sink) {
      source.pipe({
        chunk(data) {
          total += data.length;
          count(data.length);
          if (total <= bytesMax) return sink.chunk(data);
          source.cancel();
          sink.fail(tooLarge(what, bytesMax));
          return false;
        },
        end: () => sink.end(),
        fail: (error) => sink.fail(error),
      });
    },
  };
}

function tooLarge(what: "request" | "response", bytesMax: number): PlatformError {
  if (what === "request") return new PlatformError("too_large", `The request's body is over the limit of ${bytesMax} bytes`);
  return new PlatformError("response_too_large", `The function's answer is over the limit of ${bytesMax} bytes`);
}

function timedOut(timeoutMs: number): PlatformError {
  return new PlatformError("timeout", `The function ran longer than its timeout of ${timeoutMs} ms and was ended`);
}
