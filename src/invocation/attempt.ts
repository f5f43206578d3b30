import type { AgentReport } from "../agent/link.ts";
import { WholeBody } from "../lib/body.ts";
import type { Admission } from "../metering/admit.ts";
import { takesNone } from "../metering/reserved-calls.ts";
import { asPlatformError, PlatformError } from "../model/error.ts";
import type { Activation, ActivationStatus } from "../model/model.ts";
import type { Delivery, Failure, Outcome, Queue } from "../queue/queue.ts";
import type { CallResult } from "../store/store.ts";
import { AttemptCall } from "./attempt-call.ts";
import { backoffMs, platformBackoffMs } from "./backoff.ts";
import type { ByteRoom } from "./byte-room.ts";
import { type CallHead, identityIn, parseHead, referenceIn } from "./call-head.ts";
import { eventIn } from "./caused-by.ts";
import type { Definition, Definitions } from "./definitions.ts";
import { toldOf } from "./destinations.ts";
import { CallOutput, type DispatchParts } from "./dispatch.ts";
import type { CallHooks, CallIdentity, HookedCall } from "./invocation.ts";
import { activationOf, nothingRan, statusOf, verdictOf } from "./outcome.ts";
import type { Recorder } from "./record.ts";
import type { RunningCalls } from "./running.ts";

export interface AttemptParts extends DispatchParts {
  readonly definitions: Definitions;
  readonly admission: Pick<Admission, "reserved">;
  readonly recorder: Recorder;
  readonly running: RunningCalls;
  readonly queue: Pick<Queue, "body">;
  /** For large bodies of calls that run. */
  readonly room: ByteRoom;
  readonly hooks?: CallHooks | undefined;
  /** What this server is called in the heads of messages. */
  readonly server: () => string;
}

/** What became of an attempt: the record and result to be written first, then what the queue is told. */
export interface Finished {
  readonly outcome: Outcome;
  /** Null when the call is not over, or has its record already. */
  readonly record: Activation | null;
  readonly result: CallResult | null;
}

/** The server is stopping: what is cut off by that was no attempt. */
export function stopping(): PlatformError {
  return new PlatformError("overloaded", "The server is stopping", { details: { reason: "stopping" } });
}

/** One delivery of a call, from the queue to what becomes of it. Its `run` never rejects. */
export class Attempt {
  readonly delivery: Delivery;
  readonly #parts: AttemptParts;
  readonly #head: CallHead;
  readonly #identity: CallIdentity;
  #call: AttemptCall | undefined;
  #stopped = false;

  constructor(parts: AttemptParts, delivery: Delivery) {
    this.#parts = parts;
    this.delivery = delivery;
    this.#head = parseHead(delivery.head);
    const { id, lane } = delivery;
    this.#identity = identityIn({ id, namespace: lane.namespace, lane: lane.name }, this.#head);
  }

  /** Ends it because the server stops: the call is given back. */
  stop(): void {
    this.#stopped = true;
    this.#call?.abort(stopping());
  }

  async run(): Promise<Finished> {
    // What came along with the message is small.
    const bytes = this.delivery.body === null ? this.delivery.bodyBytes : 0;
    await this.#parts.room.take(bytes);
    try {
      return await this.#run();
    } catch (error) {
      return this.#later(asPlatformError(error));
    } finally {
      this.#parts.room.give(bytes);
    }
  }

  async #run(): Promise<Finished> {
    const { delivery } = this;
    await this.#recordEvent();
    const definition = await this.#definition();
    if (definition === null) return this.#over("platform_error", this.#report(functionGone(this.#identity)));
    const written = delivery.lane.suspect ? await this.#written() : undefined;
    if (written !== undefined) return await this.#resume(definition, written);
    if (delivery.cancelled)
      return this.#over("cancelled", this.#report(new PlatformError("cancelled", "The call was cancelled")));
    if (delivery.damaged) return await this.#giveUp(definition, this.#report(damaged()));
    if (delivery.expired) return await this.#giveUp(definition, this.#report(tooOld(definition, delivery)));
    if (delivery.attempt > definition.fn.delivery.attemptsMax)
      return await this.#giveUp(definition, this.#report(crashed(delivery.attempt - 1)));
    return await this.#execute(definition);
  }

  /** Of an event whose server may have died before it was written. */
  async #recordEvent(): Promise<void> {
    const { event } = this.#head;
    if (event === undefined || event.server === this.#parts.server()) return;
    const body = event.body === null && !this.delivery.damaged ? await this.#payload() : Buffer.alloc(0);
    const { record, result } = eventIn(event, body);
    this.#parts.recorder.add(record, result);
  }

  /** Null when the function is gone. */
  async #definition(): Promise<Definition | null> {
    const { namespace, functionId } = this.#identity;
    const reference = referenceIn(functionId, this.#head);
    try {
      const { definitions } = this.#parts;
      return definitions.peek(namespace, reference) ?? (await definitions.load(namespace, reference));
    } catch (error) {
      if (asPlatformError(error).code === "not_found") return null;
      throw error;
    }
  }

  /** The record, when the attempt before came so far. */
  async #written(): Promise<Activation | undefined> {
    return await this.#parts.recorder.get(this.#identity.namespace, this.#identity.id);
  }

  async #execute(definition: Definition): Promise<Finished> {
    let payload: Buffer;
    try {
      payload = await this.#payload();
    } catch (error) {
      if (!isDamage(error)) throw error;
      return await this.#giveUp(definition, this.#report(damaged()));
    }
    const { report, kept } = await this.#runs(definition, payload);
    this.#parts.world.crashPoint?.("run");
    if (report.error === null && kept !== null) return await this.#succeeded(definition, payload, report, kept);
    return await this.#failed(definition, report, report.error ?? new PlatformError("internal", "Internal error"));
  }

  /** As an extension has it run, which may refuse to. */
  async #runs(definition: Definition, payload: Buffer): Promise<{ report: AgentReport; kept: CallResult | null }> {
    let overridden: Pick<HookedCall, "definition" | "headers">;
    try {
      overridden = await this.#overridden(definition);
    } catch (error) {
      return { report: this.#report(asPlatformError(error)), kept: null };
    }
    return await this.#counted(overridden, payload);
  }

  /** Where its function has as many calls as it may, it comes back later. */
  async #counted(
    overridden: Pick<HookedCall, "definition" | "headers">,
    payload: Buffer,
  ): Promise<{ report: AgentReport; kept: CallResult | null }> {
    let leave: (() => void) | null = null;
    try {
      leave = this.#parts.admission.reserved.enter(overridden.definition.fn);
    } catch (error) {
      return { report: this.#report(asPlatformError(error)), kept: null };
    }
    return await this.#called(overridden, payload).finally(() => leave?.());
  }

  /** What it runs as, and is sent. */
  async #overridden(definition: Definition): Promise<Pick<HookedCall, "definition" | "headers">> {
    const { headers } = this.#head;
    const call = { id: this.delivery.id, definition, headers, asynchronous: true };
    return (await this.#parts.hooks?.override(call)) ?? call;
  }

  /** One run of the code: what the agent reports, and the answer if there is a whole one. */
  async #called(
    { definition, headers }: Pick<HookedCall, "definition" | "headers">,
    payload: Buffer,
  ): Promise<{ report: AgentReport; kept: CallResult | null }> {
    const { running } = this.#parts;
    const { http, startedAt } = this.#head;
    const { id, attempt } = this.delivery;
    const call = new AttemptCall(this.#parts, id, definition, startedAt, attempt, {
      headers,
      http,
      body: new WholeBody(payload),
    });
    this.#call = call;
    running.add(call);
    if (this.#stopped) call.abort(stopping());
    try {
      call.dispatch();
      const kept = await call.kept;
      return { report: await call.over, kept };
    } catch (error) {
      const failure = asPlatformError(error);
      // The agent has reported by now, unless it broke itself.
      const report = await Promise.race([call.over, this.#report(failure)]);
      return { report: { ...report, error: report.error ?? failure }, kept: null };
    } finally {
      running.remove(call);
    }
  }

  async #payload(): Promise<Buffer> {
    const { body, id } = this.delivery;
    const bytes = body ?? (await this.#parts.queue.body(this.#identity.namespace, id));
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  async #succeeded(definition: Definition, payload: Uint8Array, report: AgentReport, kept: CallResult): Promise<Finished> {
    const verdict = verdictOf(definition.fn, kept.status, report);
    const record =
      verdict === null ? this.#record("success", report) : this.#record(verdict.status, { ...report, error: verdict.error });
    return { record, result: kept, outcome: await this.#ack(definition, payload, record, kept) };
  }

  async #failed(definition: Definition, report: AgentReport, error: PlatformError): Promise<Finished> {
    const told = { ...report, error };
    const status = statusOf(error.code);
    // Its steps would run twice.
    const hasBegun = (report.steps?.activationIds.length ?? 0) > 0;
    if (this.#stopped && !hasBegun) return this.#again(0, false, null);
    if (status === "cancelled") return this.#over("cancelled", told);
    if (takesNone(error)) return await this.#giveUp(definition, told);
    if (passes(error) && !hasBegun) return this.#later(error);
    const { delivery } = definition.fn;
    const { attempt } = this.delivery;
    if (attempt >= delivery.attemptsMax) return await this.#giveUp(definition, told);
    const afterMs = backoffMs(delivery, attempt, this.#parts.world.random());
    this.#say(
      definition,
      `Attempt ${attempt} of ${delivery.attemptsMax} failed: ${error.message}. The next one in ${afterMs} ms`,
    );
    return this.#again(afterMs, true, this.#failure(error));
  }

  /** It could not be run by no fault of its own: that was no attempt. */
  #later(error: PlatformError): Finished {
    const isStopping = this.#stopped || error.details["reason"] === "stopping";
    const afterMs = isStopping ? 0 : platformBackoffMs(this.#parts.world.random());
    return this.#again(afterMs, false, isStopping ? null : this.#failure(error));
  }

  #again(afterMs: number, counted: boolean, failure: Failure | null): Finished {
    const { receipt } = this.delivery;
    return { record: null, result: null, outcome: { type: "retry", receipt, afterMs, counted, failure } };
  }

  #over(status: ActivationStatus, report: AgentReport): Finished {
    const { receipt } = this.delivery;
    return { record: this.#record(status, report), result: null, outcome: { type: "ack", receipt, send: [] } };
  }

  async #giveUp(definition: Definition, report: AgentReport): Promise<Finished> {
    const record = this.#record("dead_lettered", report);
    const error = report.error ?? new PlatformError("internal", "Given up");
    this.#say(definition, `Given up after ${this.#attemptsMade()} attempts: ${error.message}`);
    return { record, result: null, outcome: await this.#bury(definition, record, this.#failure(error)) };
  }

  /** The attempt before left its record and ended before the queue was told: it is told now. */
  async #resume(definition: Definition, record: Activation): Promise<Finished> {
    const isDead = record.status === "dead_lettered";
    const result = isDead ? null : ((await this.#parts.recorder.result(record.namespace, record.id)) ?? null);
    const outcome = isDead
      ? await this.#bury(definition, record, null)
      : await this.#ack(definition, await this.#payloadOrNothing(), record, result);
    return { record: null, result: null, outcome };
  }

  async #ack(definition: Definition, payload: Uint8Array, record: Activation, result: CallResult | null): Promise<Outcome> {
    return { type: "ack", receipt: this.delivery.receipt, send: await this.#tell(definition, payload, record, result) };
  }

  async #bury(definition: Definition, record: Activation, failure: Failure | null): Promise<Outcome> {
    const send = await this.#tell(definition, await this.#payloadOrNothing(), record, null);
    return { type: "bury", receipt: this.delivery.receipt, failure, send };
  }

  #tell(definition: Definition, payload: Uint8Array, record: Activation, result: CallResult | null) {
    const { fn } = definition;
    return toldOf(this.#parts, { fn, head: this.#head, payload, record, result }, (text) => this.#say(definition, text));
  }

  /** For a destination, which hears of a call with a damaged payload too. */
  async #payloadOrNothing(): Promise<Uint8Array> {
    if (this.delivery.damaged) return new Uint8Array();
    try {
      return await this.#payload();
    } catch (error) {
      if (isDamage(error)) return new Uint8Array();
      throw error;
    }
  }

  #record(status: ActivationStatus, report: AgentReport): Activation {
    const { startedAt } = this.#head;
    const attempt = Math.max(1, this.#attemptsMade());
    const times = { startedAt, endedAt: this.#parts.world.now(), attempt, traceId: this.#call?.traceId ?? null };
    // The revision that ran; of a call that did not, the one it was accepted for.
    const revision = this.#call?.definition.fn.revision ?? this.#identity.revision;
    return activationOf({ ...this.#identity, revision }, times, report, status);
  }

  /** A delivery that is over the limit, too old or cancelled was no attempt of the function. */
  #attemptsMade(): number {
    return this.#call === undefined ? this.delivery.attempt - 1 : this.delivery.attempt;
  }

  #report(error: PlatformError): AgentReport {
    return { ...nothingRan, requestBytes: this.delivery.bodyBytes, error };
  }

  #failure({ code, message }: PlatformError): Failure {
    return { attempt: this.delivery.attempt, at: this.#parts.world.now(), code, message };
  }

  /** A line of the platform in the log of the call. */
  #say({ fn }: Definition, text: string): void {
    const log = new CallOutput(this.#parts, fn, this.delivery.id);
    log.line({ at: this.#parts.world.now(), stream: "platform", text });
    log.end();
  }
}

function functionGone({ functionName }: CallIdentity): PlatformError {
  return new PlatformError("not_found", `Function ${functionName} was deleted before the call could run`);
}

function damaged(): PlatformError {
  return new PlatformError("internal", "The call's payload is damaged on the disk: it is not what was sent", {
    details: { reason: "damaged" },
  });
}

/** Nothing is wrong with the call or the function: it will work later. */
function passes({ code, details }: PlatformError): boolean {
  return code === "internal" || code === "throttled" || (code === "overloaded" && details["limit"] !== "memory");
}

function isDamage(error: unknown): boolean {
  return asPlatformError(error).details["reason"] === "damaged";
}

function tooOld({ fn }: Definition, { failures }: Delivery): PlatformError {
  const last = failures.at(-1);
  const why = last === undefined ? "it was not its turn before" : `the last attempt: ${last.message}`;
  return new PlatformError("overloaded", `The call did not end within its maximum age of ${fn.delivery.ageMsMax} ms; ${why}`);
}

function crashed(attempts: number): PlatformError {
  return new PlatformError("internal", `The server ended during each of ${attempts} attempts`);
}
