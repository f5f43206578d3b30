/** What became of a call, as its record. */
import type { AgentReport } from "../agent/link.ts";
import { billedUnits } from "../metering/units.ts";
import { type ErrorCode, PlatformError } from "../model/error.ts";
import type { Activation, ActivationStatus, Fn } from "../model/model.ts";
import type { Definition } from "./definitions.ts";
import type { CallIdentity } from "./invocation.ts";

/** When and which time a call ran. */
export interface CallTimes {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly attempt: number;
  /** The caller's trace; null when it gave none. */
  readonly traceId: string | null;
}

/** Of a call that has been given this id. */
export function identityOf({ fn, route }: Definition, id: string): CallIdentity {
  return {
    id,
    namespace: fn.namespace,
    appId: fn.appId,
    functionId: fn.id,
    functionName: fn.name,
    revision: fn.revision,
    routeId: route?.id ?? null,
  };
}

/** `status`: instead of what the report's error says. */
export function activationOf(
  call: CallIdentity,
  { startedAt, endedAt, attempt, traceId }: CallTimes,
  report: AgentReport,
  status?: ActivationStatus,
): Activation {
  const { error } = report;
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
    billedUnits: billedUnits(report.initMs, report.runMs),
  };
  return traceId === null ? record : { ...record, traceId };
}

/** What the convention of a function makes of its answer, or of what it threw. */
export interface Verdict {
  readonly status: ActivationStatus;
  readonly error: PlatformError;
}

/**
 * Under the convention `parameters` an answer may be a failure, and an error that the code throws is no answer at all. `answered`: the answer's
 * status. Null: it is as the report says.
 */
export function verdictOf({ source }: Fn, answered: number, { error }: AgentReport): Verdict | null {
  if (source.type !== "code" || source.convention !== "parameters") return null;
  if (error === null) return answered < failureFrom ? null : { status: "function_error", error: failureAnswered() };
  return error.code === "function_failed" ? { status: "developer_error", error } : null;
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
