/** What became of a call, as its record. */
import type { AgentReport, StepsReport } from "../agent/link.ts";
import { billedUnits } from "../metering/units.ts";
import { type ErrorCode, PlatformError } from "../model/error.ts";
import type { Activation, ActivationStatus, Fn } from "../model/model.ts";
import type { Definition } from "./definitions.ts";
import type { CallIdentity } from "./invocation.ts";
import type { Share } from "./shared-app.ts";

/** When and which time a call ran. */
export interface CallTimes {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly attempt: number;
  /** The caller's trace; null when it gave none. */
  readonly traceId: string | null;
  /** The activation that made it; absent: none. */
  readonly cause?: string | undefined;
}

/** Of a call that has been given this id. */
export function identityOf({ fn, route, share }: Definition, id: string): CallIdentity {
  const identity = {
    id,
    namespace: fn.namespace,
    appId: fn.appId,
    functionId: fn.id,
    functionName: fn.name,
    revision: fn.revision,
    routeId: route?.id ?? null,
  };
  return share === undefined ? identity : { ...identity, ...share };
}

/** `status`: instead of what the report's error says. */
export function activationOf(
  call: CallIdentity,
  { startedAt, endedAt, attempt, traceId, cause }: CallTimes,
  report: AgentReport,
  status?: ActivationStatus,
): Activation {
  const { error, steps } = report;
  const record: Activation = {
    id: call.id,
    namespace: call.namespace,
    appId: call.appId,
    functionId: call.functionId,
    functionName: call.functionName,
    revision: call.revision,
    routeId: call.routeId,
    status: status ?? (error === null ? "success" : statusOf(error.code)),
    start: report.start,
    attempt,
    error: error === null ? null : { code: error.code, message: error.message },
    startedAt,
    endedAt,
    waitMs: report.waitMs,
    createMs: report.createMs,
    initMs: report.initMs,
    runMs: report.runMs,
    requestBytes: report.requestBytes,
    responseBytes: report.responseBytes,
    // Each of its steps has its own.
    billedUnits: steps === undefined ? billedUnits(report.initMs, report.runMs) : 0,
  };
  // Most have none of them.
  if (cause === undefined && steps === undefined && call.provider === undefined && call.binding === undefined)
    return traceId === null ? record : { ...record, traceId };
  return {
    ...record,
    ...shareOf(call),
    ...(cause === undefined ? {} : { cause }),
    ...(steps === undefined ? {} : { stepsMemoryMiB: steps.memoryMiB }),
    ...(traceId === null ? {} : { traceId }),
  };
}

/** Of an identity, what of it is there. */
export function shareOf({ provider, binding }: Share): Share {
  return { ...(provider === undefined ? {} : { provider }), ...(binding === undefined ? {} : { binding }) };
}

/** What the convention of a function makes of its answer, or of what it threw. */
export interface Verdict {
  readonly status: ActivationStatus;
  readonly error: PlatformError;
}

/**
 * Under the convention `parameters`, and where a call consists of others, an answer may be a failure, and an error that the code throws is no answer
 * at all. `answered`: the answer's status. Null: it is as the report says.
 */
export function verdictOf({ source, protocol }: Fn, answered: number, { error, steps }: AgentReport): Verdict | null {
  if (steps !== undefined) return stepsVerdict(answered, error, steps);
  const byParameters = protocol === "action-proxy" || (source.type === "code" && source.convention === "parameters");
  if (!byParameters) return null;
  if (error === null) return answered < failureFrom ? null : { status: "function_error", error: failureAnswered() };
  return error.code === "function_failed" ? { status: "developer_error", error } : null;
}

/** A call that consists of others ends as the one that ended it. */
function stepsVerdict(answered: number, error: PlatformError | null, { status }: StepsReport): Verdict | null {
  if (error === null) return answered < failureFrom ? null : { status: "function_error", error: failureAnswered() };
  return status === null ? null : { status, error };
}

const failureFrom = 400;

function failureAnswered(): PlatformError {
  return new PlatformError("function_failed", "The function answered with an error");
}

/** Of a call that never reached a sandbox. */
export const nothingRan = {
  start: "none",
  sandboxId: null,
  waitMs: 0,
  createMs: 0,
  initMs: 0,
  runMs: 0,
  requestBytes: 0,
  responseBytes: 0,
} as const;

/** Whose fault an error is, for the record. */
export function statusOf(code: ErrorCode): ActivationStatus {
  switch (code) {
    case "function_failed":
      return "function_error";
    case "function_start_failed":
    case "function_exited":
    case "function_out_of_memory":
    case "function_protocol":
    case "response_too_large":
    case "start_timeout":
      return "developer_error";
    case "timeout":
      return "timeout";
    case "cancelled":
    case "request_timeout":
      return "cancelled";
    default:
      return "platform_error";
  }
}
