/**
 * Takes a call from request to activation; everything that invokes comes through here.
 *
 * Promises: each call that was admitted or accepted leaves exactly one activation record, whatever happened; `accept` resolves
 * only when the call is as durable as the queue makes it, and from then on it runs or ends visibly; a synchronous call runs at
 * most once; a caller who is told of a timeout reads it after the code was killed; nothing on this path waits for the store
 * when the definition is cached. Deliberately absent: dialects (api/), where code runs (scheduler/, agent/).
 */
import type { CancelSignal } from "../lib/cancel.ts";
import type { AgentCall } from "../agent/link.ts";
import type { Caller } from "../auth/auth.ts";
import type { BodySource } from "../lib/body.ts";
import type { PlatformError } from "../model/error.ts";
import type { Activation, Fn } from "../model/model.ts";
import type { HttpOrigin } from "../protocol/protocol.ts";
import type { CausingEvent } from "./caused-by.ts";
import type { Definition } from "./definitions.ts";
import type { Share } from "./shared-app.ts";
import type { DeadLetter, QueueStats, WaitingPage } from "../queue/queue.ts";
import type { CallResult } from "../store/store.ts";

/** The door's view of the invocation path. */
export interface Invoker {
  /**
   * Runs a call. Never rejects: a failure is an `InvokeResult` with `error`. `recorded` resolves with the record once the call
   * is over and its record is queued to be written.
   */
  invoke(request: InvokeRequest, signal: CancelSignal): Promise<InvokeResult>;
  /** The same without a promise, for doors that have many short calls: `caller` is told the result, maybe before this returns. */
  begin(request: InvokeRequest, signal: CancelSignal, caller: InvokeCaller): void;
  /** Takes a call to run later; resolves once it can't be lost. An invoker without a queue has no such method. */
  accept?(request: InvokeRequest): Promise<Accepted>;
  /**
   * Several at once: all that are not refused become durable together, or none, which rejects. Says of each, in their order, what became of it.
   * There where `accept` is. `event`, from which they follow, is recorded, and can be lost no more than they can.
   */
  acceptAll?(requests: readonly InvokeRequest[], event?: CausingEvent): Promise<AcceptedCalls>;
}

/** What became of several calls, in their order. */
export type AcceptedCalls = readonly (Accepted | PlatformError)[];

export interface Accepted {
  readonly activationId: string;
}

export interface InvokeRequest {
  readonly caller: Caller;
  readonly namespace: string;
  readonly target: FunctionReference;
  readonly headers: readonly string[];
  readonly http: HttpOrigin | null;
  readonly body: BodySource;
  /** Of a synchronous call: its answer, or the beginning of it, is kept with its record, and it is told of when it is over. Absent: it flows. */
  readonly keep?: boolean;
  /** Throws where whoever asks does not call functions like it; absent: it calls all. */
  readonly check?: ((fn: Fn) => void) | undefined;
  /** The call that makes this one, which was admitted, and which this one is a part of. */
  readonly cause?: CallCause | undefined;
}

/** A call that makes others. */
export interface CallCause {
  /** Of its activation. */
  readonly activationId: string;
  /** Of a function that conducts others: its code is to run, and not what that conducts. */
  readonly asCode: boolean;
  readonly by: "sequence" | "conductor";
  /** Nobody waits for its answer. */
  readonly background: boolean;
  /** How many such calls it is below, itself included. */
  readonly depth: number;
  readonly tally: StepTally;
}

/** How many calls were made by one that consists of others, and by those of its kind that are among them. */
export interface StepTally {
  /** But for sequences in a sequence, and conductors below a conductor. */
  steps: number;
  /** Runs of the code of conductors. */
  conductors: number;
  /** Of everything below the topmost one. */
  readonly all: { runs: number };
}

/** What runs calls that consist of others: `flow/`. */
export interface Flows {
  /** As `AgentLink.run` does. The report says `steps`. */
  run(call: FlowCall, signal: CancelSignal): void;
}

/** A call of a function that `model/composition.ts` names. */
export interface FlowCall extends AgentCall {
  readonly id: string;
  readonly definition: Definition;
  readonly traceparent: string;
  readonly cause: CallCause | undefined;
}

/** Who looks at calls before they run: extensions. */
export interface CallHooks {
  /** What a call is to run as, each time that it runs. Rejects with a PlatformError. */
  override(call: HookedCall): Promise<HookedCall>;
  /** Rejects with the PlatformError that refuses it: it is not taken, and leaves no record. */
  before(call: HookedCall): Promise<void>;
}

export interface HookedCall {
  readonly id: string;
  readonly definition: Definition;
  readonly headers: readonly string[];
  readonly asynchronous: boolean;
}

/** How a door names a function. */
export type FunctionReference =
  /** `share`: as the call was found to be when it was accepted; nobody asks again whether the app is published. */
  | {
      readonly by: "id";
      readonly functionId: string;
      readonly revision?: number | undefined;
      readonly share?: Share | undefined;
    }
  /** `revision`: that one, whatever the function's traffic says. `provider`: the namespace of the app, where that is another one, which has it published. */
  | {
      readonly by: "name";
      readonly app: string | null;
      readonly name: string;
      readonly revision?: number | undefined;
      readonly provider?: string | undefined;
    }
  | { readonly by: "route"; readonly app: string; readonly source: string }
  /** A path that a function of the app declares (`model/declared.ts`). */
  | { readonly by: "path"; readonly app: string; readonly path: string };

/** The revision that a reference asks for; null: the function's traffic decides. */
export function revisionIn(reference: FunctionReference): number | null {
  return reference.by === "route" || reference.by === "path" ? null : (reference.revision ?? null);
}

/** Who began a call. */
export interface InvokeCaller {
  /** The call has been admitted, and will be told of. Of calls whose answer is kept, once. Must not throw. */
  entered?(call: EnteredCall): void;
  /** Once. Must not throw. */
  told(result: InvokeResult): void;
}

/** A call that was admitted and is not over. */
export interface EnteredCall {
  readonly id: string;
  /**
   * Makes it as durable as one that was accepted: when this process dies, it is run again or ends visibly, as its function's delivery
   * says. `body`: what it was sent. Resolves once it can't be lost, false where it was over before. Rejects with `overloaded`, or `unsupported` without a queue.
   */
  handOver(body: Buffer): Promise<boolean>;
}

/** What there is of a call whose answer was to be kept. */
export interface KeptOutcome {
  readonly record: Activation;
  /** Null where there was no answer. */
  readonly result: CallResult | null;
  /** Of a call that consists of others: the activations of those. */
  readonly steps?: readonly string[] | undefined;
}

/** Either an answer of the function or an error; the activation's id as soon as there is one. */
export type InvokeResult =
  | {
      readonly ok: true;
      readonly activationId: string;
      readonly fn: Fn;
      readonly status: number;
      readonly headers: readonly string[];
      readonly body: BodySource;
      readonly recorded: Promise<Activation>;
      readonly kept?: KeptOutcome;
    }
  | {
      readonly ok: false;
      readonly activationId: string | null;
      readonly fn: Fn | null;
      readonly error: PlatformError;
      readonly recorded: Promise<Activation> | null;
      readonly kept?: KeptOutcome | undefined;
    };

/** Calls that have no record yet, and those that were given up. Callers were authorized before. */
export interface Calls {
  /** A call that waits or runs; undefined when it is over or unknown. */
  underway(namespace: string, id: string): Promise<UnderwayCall | undefined>;
  /** Calls of a function that wait or run, by id, the newest first; `before`: only older ones. */
  listUnderway(namespace: string, functionId: string, page: WaitingPage): Promise<readonly UnderwayCall[]>;
  /**
   * Ends a call: one that waits never runs, the code of one that runs is killed. Resolves, false when there is no such call
   * underway, once the record says so or the call is marked durably.
   */
  cancel(namespace: string, id: string): Promise<boolean>;
  /** Newest first. `after`: the `next` of the page before. */
  listDead(
    namespace: string,
    functionId: string | undefined,
    page: { readonly after?: string | undefined; readonly limit: number },
  ): Promise<{ readonly items: readonly DeadCall[]; readonly next: string | null }>;
  findDead(namespace: string, id: string): Promise<DeadCall | undefined>;
  /** What the call was sent. Rejects with `not_found`. */
  deadPayload(namespace: string, id: string): Promise<Uint8Array>;
  /** Accepts the call anew; resolves with the id of its new activation. Rejects with `not_found`. */
  redrive(namespace: string, id: string): Promise<string>;
  /** Rejects with `not_found`. */
  removeDead(namespace: string, id: string): Promise<void>;
  /** Numbers for metrics. */
  stats(): Promise<CallStats>;
}

/** What is known of a call before it is over. */
export interface CallIdentity extends Share {
  readonly id: string;
  readonly namespace: string;
  readonly appId: string | null;
  readonly functionId: string;
  readonly functionName: string;
  readonly revision: number;
  readonly routeId: string | null;
}

export interface UnderwayCall extends CallIdentity {
  readonly status: "queued" | "running";
  readonly attempt: number;
  readonly startedAt: number;
  /** When one that waits may run; null once it runs. */
  readonly dueAt: number | null;
}

export interface DeadCall extends CallIdentity {
  readonly contentType: string | null;
  readonly bytes: number;
  readonly attempt: number;
  readonly startedAt: number;
  readonly diedAt: number;
  readonly failures: DeadLetter["failures"];
}

export interface CallStats extends QueueStats {
  /** Asynchronous calls that run. */
  readonly running: number;
  /** Why nothing is taken from the queue at the moment, or null. */
  readonly paused: string | null;
  /** Since the start. */
  readonly counts: AsyncCounts;
}

/** Of asynchronous calls. */
export interface AsyncCounts {
  readonly accepted: number;
  /** Calls that were run, each attempt counted. */
  readonly attempts: number;
  readonly succeeded: number;
  readonly retries: number;
  readonly deadLettered: number;
  readonly cancelled: number;
}
