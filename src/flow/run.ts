import type { AgentReport } from "../agent/link.ts";
import type { Caller } from "../auth/auth.ts";
import { headerOf } from "../http/headers.ts";
import type { Definition } from "../invocation/definitions.ts";
import type {
  CallCause,
  FlowCall,
  FunctionReference,
  InvokeCaller,
  InvokeRequest,
  InvokeResult,
  KeptOutcome,
  StepTally,
} from "../invocation/invocation.ts";
import { type BodySource, readBody, WholeBody } from "../lib/body.ts";
import { Cancel, type CancelSignal } from "../lib/cancel.ts";
import { asPlatformError, PlatformError } from "../model/error.ts";
import type { FunctionName } from "../model/function-name.ts";
import { limits } from "../model/limits.ts";
import type { ActivationStatus } from "../model/model.ts";
import type { FlowParts } from "./flow.ts";

const jsonHeaders: readonly string[] = ["content-type", "application/json"];
const okStatus = 200;
const failureStatus = 502;
const noBytes = Buffer.alloc(0);
const { runsMax, depthMax } = limits.flow;

/**
 * One call that consists of others. It is each of its steps' request and caller: it makes one, is told what became of it, and the kind of call
 * says what follows, until that gives an answer or fails.
 */
export abstract class FlowRun implements InvokeRequest, InvokeCaller {
  readonly caller: Caller;
  readonly namespace: string;
  readonly http = null;
  readonly keep = true;
  target: FunctionReference;
  headers: readonly string[];
  body: BodySource = new WholeBody(noBytes);
  cause: CallCause;
  protected readonly parts: FlowParts;
  protected readonly call: FlowCall;
  protected readonly tally: StepTally;
  readonly #signal: CancelSignal;
  readonly #asFunction: CallCause;
  #asCode: CallCause | null = null;
  #step: Cancel | null = null;
  readonly #ids: string[] = [];
  #runMs = 0;
  #memoryMiB = 0;
  #requestBytes = 0;
  #isOver = false;

  constructor(parts: FlowParts, call: FlowCall, signal: CancelSignal, by: CallCause["by"]) {
    const { cause, fn, definition } = call;
    this.parts = parts;
    this.call = call;
    this.#signal = signal;
    this.namespace = fn.namespace;
    this.caller = { name: fn.namespace, namespaces: [fn.namespace] };
    this.target = { by: "id", functionId: fn.id, revision: fn.revision, share: definition.share };
    // Those of the other kind begin anew, as they do where they are called by themselves.
    this.tally = cause?.by === by ? cause.tally : { steps: 0, conductors: 0, all: cause?.tally.all ?? { runs: 0 } };
    this.#asFunction = {
      activationId: call.id,
      asCode: false,
      by,
      tally: this.tally,
      background: call.background ?? false,
      depth: (cause?.depth ?? 0) + 1,
    };
    this.cause = this.#asFunction;
    this.headers = [...call.request.headers, "traceparent", call.traceparent];
  }

  begin(): void {
    this.#signal.addEventListener("abort", this);
    const { body } = this.call.request;
    if (this.#signal.aborted) {
      body.cancel();
      return this.handleEvent();
    }
    const whole = body.take?.() ?? null;
    if (whole !== null) return this.#begun(whole);
    readBody(body, limits.requestBytesMax, tooLarge).then(
      (bytes) => this.#begun(bytes),
      (error: unknown) => this.fail(asPlatformError(error)),
    );
  }

  /** The whole call is to end: its step first. */
  handleEvent(): void {
    const reason = asPlatformError(this.#signal.reason);
    if (this.#step === null) this.fail(reason);
    else this.#step.abort(reason);
  }

  told(result: InvokeResult): void {
    this.#step = null;
    const { kept } = result;
    if (kept !== undefined) this.#count(result, kept);
    if (this.#signal.aborted) return this.fail(asPlatformError(this.#signal.reason));
    this.#safely(() => (kept === undefined ? this.refused() : this.stepped(result, kept)));
  }

  /** Answered when functions call each other in a circle, or too many: JSON text. */
  protected abstract readonly tooMany: string;
  /** What the call was sent. */
  protected abstract begun(payload: Buffer): void;
  /** A step is over, and has its record. */
  protected abstract stepped(result: InvokeResult, kept: KeptOutcome): void;
  /** A step was not taken. */
  protected abstract refused(): void;

  /** `found` hears what is called by this name now; `missing`, why there is nothing to call. */
  protected find(name: FunctionName, found: (definition: Definition) => void, missing: (error: PlatformError) => void): void {
    const target = this.#referenceTo(name);
    const failed = (error: unknown) => this.#safely(() => missing(asPlatformError(error)));
    const use = (definition: Definition) => {
      this.target = target;
      this.cause = this.#asFunction;
      this.#safely(() => found(definition));
    };
    try {
      const sought = this.parts.definition(this.namespace, target);
      if (sought instanceof Promise) sought.then(use, failed);
      else use(sought);
    } catch (error) {
      failed(error);
    }
  }

  /** The code of this function itself is the next step. */
  protected targetOwnCode(): void {
    const { fn, definition } = this.call;
    this.#asCode ??= { ...this.#asFunction, asCode: true };
    this.cause = this.#asCode;
    this.target = { by: "id", functionId: fn.id, revision: fn.revision, share: definition.share };
  }

  /** Makes the step that is the target. */
  protected make(payload: Buffer): void {
    if (this.#isOver) return;
    const { all } = this.tally;
    if (++all.runs > runsMax || this.cause.depth > depthMax) return this.answerError(this.tooMany);
    // Whoever begins it may read all this later.
    if (this.#ids.length > 0) this.headers = this.#laterHeaders;
    this.body = new WholeBody(payload);
    const step = new Cancel();
    this.#step = step;
    this.parts.invoker.begin(this, step, this);
  }

  /** The call is over with an answer. `json`: an object or an array. */
  protected answer(json: Buffer, isFailure = false): void {
    if (!this.#end()) return;
    const { call } = this;
    call.answered(isFailure ? failureStatus : okStatus, jsonHeaders, new WholeBody(json));
    call.report(this.#report(null, null, json.length));
  }

  protected answerError(json: string): void {
    this.answer(Buffer.from(json), true);
  }

  /** The call is over without an answer. `status`: of the step that ended it. */
  protected fail(error: PlatformError, status: ActivationStatus | null = null): void {
    if (!this.#end()) return;
    const told =
      this.#ids.length > 0 && mayBeRepeated(error) ? new PlatformError("internal", error.message, { cause: error }) : error;
    this.call.report(this.#report(told, status, 0));
    this.call.failed(told);
  }

  #begun(payload: Buffer): void {
    this.#requestBytes = payload.length;
    this.#safely(() => this.begun(payload));
  }

  #safely(act: () => void): void {
    if (this.#isOver) return;
    try {
      act();
    } catch (error) {
      this.fail(asPlatformError(error));
    }
  }

  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#signal.removeEventListener("abort", this);
    return true;
  }

  /** Whole milliseconds, as all doors show them, so that the sum is that of what is seen. */
  #count({ fn }: InvokeResult, { record }: KeptOutcome): void {
    this.#ids.push(record.id);
    this.#runMs += Math.round(record.initMs + record.runMs);
    this.#memoryMiB = Math.max(this.#memoryMiB, record.stepsMemoryMiB ?? fn?.memoryMiB ?? 0);
    this.call.log({ at: this.parts.world.now(), stream: "platform", text: record.id });
  }

  #report(error: PlatformError | null, status: ActivationStatus | null, responseBytes: number): AgentReport {
    const memoryMiB = this.#memoryMiB || this.call.fn.memoryMiB;
    return {
      start: "none",
      sandboxId: null,
      waitMs: 0,
      createMs: 0,
      initMs: 0,
      runMs: this.#runMs,
      requestBytes: this.#requestBytes,
      responseBytes,
      error,
      steps: { activationIds: this.#ids, memoryMiB, status },
    };
  }

  #referenceTo({ namespace, app, name }: FunctionName): FunctionReference {
    return { by: "name", app, name, provider: namespace === this.namespace ? undefined : namespace };
  }

  /** What steps are sent that get what another one answered. */
  get #laterHeaders(): readonly string[] {
    const requestId = headerOf(this.call.request.headers, "x-request-id");
    return [
      ...jsonHeaders,
      ...(requestId === undefined ? [] : ["x-request-id", requestId]),
      "traceparent",
      this.call.traceparent,
    ];
  }
}

/** Says that nothing was done, which is not so once a step has run. */
function mayBeRepeated({ code }: PlatformError): boolean {
  return code === "overloaded" || code === "throttled";
}

function tooLarge(): PlatformError {
  return new PlatformError("too_large", `The request's body is over the limit of ${limits.requestBytesMax} bytes`);
}
