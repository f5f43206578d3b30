/**
 * The way from an invocation to an agent. Embedded it is a function call, across the network it will be our frames; a caller
 * cannot tell. Promises: `run` tells the call either an answer or a PlatformError; when it reports a timeout, the code is
 * already dead.
 */
import type { CancelSignal } from "../lib/cancel.ts";
import type { BodySource } from "../lib/body.ts";
import type { ActivationStatus, App, Fn, LogLine, StartType } from "../model/model.ts";
import type { FunctionRequest } from "../protocol/protocol.ts";
import type { PlatformError } from "../model/error.ts";

export interface AgentLink {
  readonly agentId: string;
  /**
   * Why a call of this function would find no place among those that wait: `overloaded` or `throttled`, with the limit's name; null: it
   * has one. Asked before a call is taken, so that refusing it costs little and leaves no record; `run` itself takes every call.
   */
  refusal(fn: Fn): PlatformError | null;
  /**
   * Runs one call in a sandbox of `call.fn`. The call hears once of the head of the answer, whose body follows, or of the failure.
   * `report` is called exactly once, after the last byte of the answer or right before the failure is told, and only then is the slot free.
   */
  run(call: AgentCall, signal: CancelSignal): void;
}

/** A call, which hears itself what becomes of it: no promise and no closure stands between a caller and the code. */
export interface AgentCall {
  readonly fn: Fn;
  /** Null in the null app. */
  readonly app: App | null;
  readonly request: Omit<FunctionRequest, "deadlineAt">;
  /** How long the call may wait for a slot, in ms; after it `overloaded`. */
  readonly waitMsMax: number;
  /** Nobody waits for its answer: where sandboxes are short, calls for which somebody does go first. (Default: false) */
  readonly background?: boolean;
  answered(status: number, headers: readonly string[], body: BodySource): void;
  failed(error: PlatformError): void;
  report(report: AgentReport): void;
  /** Lines the function printed during this call, as they come; may be called until a moment after `report`, or after its `settled`. */
  log(line: LogLine): void;
}

/** What became of a call; the stuff of its record. */
export interface AgentReport {
  readonly start: StartType;
  readonly sandboxId: string | null;
  readonly waitMs: number;
  readonly createMs: number;
  readonly initMs: number;
  readonly runMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly error: PlatformError | null;
  /** Resolves when its sandbox is done with it; absent: it is. */
  readonly settled?: Promise<void> | undefined;
  /** Of a call that consists of others (`flow/`); absent: code ran. */
  readonly steps?: StepsReport;
}

/** What became of the calls that one consists of. */
export interface StepsReport {
  /** Of those that are over, in that order. */
  readonly activationIds: readonly string[];
  /** The most that one of them had. */
  readonly memoryMiB: number;
  /** Of the one that ended it with an error; null: none. */
  readonly status: ActivationStatus | null;
}
