import type { AgentReport } from "../agent/link.ts";
import type { BodySource } from "../lib/body.ts";
import type { CancelSignal } from "../lib/cancel.ts";
import type { Admission } from "../metering/admit.ts";
import type { Leave } from "../metering/reserved-calls.ts";
import type { PlatformError } from "../model/error.ts";
import type { Activation, Fn } from "../model/model.ts";
import type { Definition } from "./definitions.ts";
import { DispatchedCall, type DispatchParts } from "./dispatch.ts";
import type { InvokeCaller, InvokeRequest, InvokeResult } from "./invocation.ts";
import { activationOf, identityOf, verdictOf } from "./outcome.ts";
import type { Recorder } from "./record.ts";
import type { RunningCalls } from "./running.ts";
import type { Traffic } from "./traffic.ts";

export interface SyncCallParts extends DispatchParts {
  readonly admission: Admission;
  readonly recorder: Recorder;
  readonly running: RunningCalls;
  readonly traffic: Traffic;
}

/** One synchronous call, from its admission to its record. */
export class SyncCall extends DispatchedCall {
  protected readonly caller: InvokeCaller;
  readonly #parts: SyncCallParts;
  readonly #leave: Leave | null;
  /** Of the answer; 0: there is none yet. */
  #status = 0;
  #callerSignal: CancelSignal | null = null;
  #record: Activation | null = null;
  #recorded: PromiseWithResolvers<Activation> | null = null;

  /** `leave`: its function's calls are counted; null: they are not. */
  constructor(
    parts: SyncCallParts,
    id: string,
    definition: Definition,
    request: InvokeRequest,
    caller: InvokeCaller,
    leave: Leave | null,
  ) {
    super(parts, id, definition, parts.world.now(), 1, request);
    this.#parts = parts;
    this.caller = caller;
    this.#leave = leave;
  }

  get background(): boolean {
    return this.cause?.background ?? false;
  }

  begin(signal: CancelSignal): void {
    this.#callerSignal = signal;
    this.#parts.running.add(this);
    if (this.cause === undefined) this.#parts.traffic.enter();
    signal.addEventListener("abort", this);
    if (signal.aborted) this.handleEvent();
    this.dispatch();
  }

  /** The caller is gone. */
  handleEvent(): void {
    this.abort(this.#callerSignal?.reason);
  }

  get over(): Promise<Activation> {
    if (this.#record !== null) return Promise.resolve(this.#record);
    this.#recorded ??= Promise.withResolvers();
    return this.#recorded.promise;
  }

  answered(status: number, headers: readonly string[], body: BodySource): void {
    this.#status = status;
    this.tell(status, headers, body);
  }

  /** There is an answer. */
  protected tell(status: number, headers: readonly string[], body: BodySource): void {
    this.caller.told(new Answer(this, status, headers, body));
  }

  failed(error: PlatformError): void {
    this.body.cancel();
    this.caller.told({ ok: false, activationId: this.id, fn: this.fn, error, recorded: this.over });
  }

  protected override ended(report: AgentReport): void {
    const { running, traffic, admission, world } = this.#parts;
    running.remove(this);
    this.#leave?.();
    // A step of a call is part of that.
    if (this.cause === undefined) {
      traffic.leave();
      admission.leave(this.fn.namespace);
    }
    const { startedAt, attempt, traceId } = this;
    const verdict = verdictOf(this.fn, this.#status, report);
    const record = activationOf(
      identityOf(this.definition, this.id),
      { startedAt, endedAt: world.now(), attempt, traceId, cause: this.cause?.activationId },
      verdict === null ? report : { ...report, error: verdict.error },
      verdict?.status,
    );
    this.#record = record;
    this.keep(record);
    this.#recorded?.resolve(record);
  }

  /** Has the record written. */
  protected keep(record: Activation): void {
    this.#parts.recorder.add(record);
  }
}

/** What a caller is told of a call with an answer. Most look at the record never: it is asked for. */
class Answer implements Extract<InvokeResult, { ok: true }> {
  readonly ok = true;
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: BodySource;
  readonly #call: SyncCall;

  constructor(call: SyncCall, status: number, headers: readonly string[], body: BodySource) {
    this.#call = call;
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  get activationId(): string {
    return this.#call.id;
  }

  get fn(): Fn {
    return this.#call.fn;
  }

  get recorded(): Promise<Activation> {
    return this.#call.over;
  }
}
