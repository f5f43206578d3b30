/**
 * The way from an invocation to an agent. Embedded it is a function call, across the network it will be our frames; a caller
 * cannot tell. Promises: `run` either answers or rejects with a PlatformError; when it reports a timeout, the code is
 * already dead.
 */
import type { CancelSignal } from "../lib/cancel.ts";
import type { BodySource } from "../lib/body.ts";
import type { App, Fn, LogLine, StartType } from "../model/model.ts";
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
   * Runs one call in a sandbox of `call.fn`. Resolves with the head of the answer; the body follows. `call.report` is called
   * exactly once, after the last byte of the answer or with the failure, and only then is the slot free.
   */
  run(call: AgentCall, signal: CancelSignal): Promise<AgentAnswer>;
}

export interface AgentCall {
  readonly fn: Fn;
  /** Null in the null app. */
  readonly app: App | null;
  readonly request: Omit<FunctionRequest, "deadlineAt">;
  /** How long the call may wait for a slot, in ms; after it `overloaded`. */
  readonly waitMsMax: number;
  readonly report: (report: AgentReport) => void;
  /** Lines the function printed during this call, as they come; may be called until a moment after `report`. */
  readonly log: (line: LogLine) => void;
}

export interface AgentAnswer {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: BodySource;
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
}
