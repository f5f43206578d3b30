import type { AgentLink, AgentReport } from "../agent/link.ts";
import { authorize } from "../auth/authorize.ts";
import type { World } from "../lib/world.ts";
import type { CallLog, LogCollector } from "../logs/collector.ts";
import type { Admission } from "../metering/admit.ts";
import { billedUnits } from "../metering/units.ts";
import { asPlatformError, type ErrorCode, PlatformError } from "../model/error.ts";
import type { Activation, ActivationStatus, Fn, LogLine } from "../model/model.ts";
import type { AgentSnapshot, Decision, Placement } from "../scheduler/scheduler.ts";
import type { Definition, Definitions } from "./definitions.ts";
import type { InvokeRequest, InvokeResult, Invoker } from "./invocation.ts";
import type { Recorder } from "./record.ts";
import type { TrailingLogs } from "./trailing-logs.ts";

export interface InvokerParts {
  readonly world: World;
  readonly definitions: Definitions;
  readonly admission: Admission;
  readonly place: Placement;
  readonly agents: () => readonly (AgentSnapshot & { readonly link: AgentLink })[];
  readonly recorder: Recorder;
  readonly logs: Pick<LogCollector, "open">;
  readonly trailing: TrailingLogs;
  /** Hears every line that a function prints, besides its log. */
  readonly watch?: ((functionName: string, activationId: string, line: LogLine) => void) | undefined;
  /** How long a call may wait for a slot, in ms. */
  readonly waitMsMax: number;
}

/** The way of every call: resolve, authorize, admit, place, run, record. */
export function createInvoker(parts: InvokerParts): Invoker {
  return { invoke: (request, signal) => invoke(parts, request, signal) };
}

async function invoke(parts: InvokerParts, request: InvokeRequest, signal: AbortSignal): Promise<InvokeResult> {
  let definition: Definition;
  try {
    authorize(request.caller, request.namespace);
    const { definitions } = parts;
    definition =
      definitions.peek(request.namespace, request.target) ?? (await definitions.load(request.namespace, request.target));
    if (!parts.recorder.hasRoom) throw diskTooSlow();
    parts.admission.enter(request.namespace);
  } catch (error) {
    request.body.cancel();
    return { ok: false, activationId: null, fn: null, error: asPlatformError(error), recorded: null };
  }
  return run(parts, request, definition, signal);
}

/** From here on there is a record, whatever happens. */
async function run(
  parts: InvokerParts,
  request: InvokeRequest,
  definition: Definition,
  signal: AbortSignal,
): Promise<InvokeResult> {
  const { world } = parts;
  const { fn, app } = definition;
  const activationId = world.newId();
  const startedAt = world.now();
  const recorded = Promise.withResolvers<Activation>();
  const log = callLog(parts, fn, activationId);
  const report = (outcome: AgentReport) => {
    parts.admission.leave(request.namespace);
    const record = activationOf(definition, activationId, startedAt, world.now(), outcome);
    parts.recorder.add(record);
    recorded.resolve(record);
    log.end();
  };
  const call = {
    fn,
    app,
    request: { callId: activationId, headers: request.headers, http: request.http, body: request.body },
    waitMsMax: parts.waitMsMax,
    report,
    log: log.line,
  };
  try {
    const link = linkOf(parts, definition, report);
    const answer = await link.run(call, signal);
    const { status, headers, body } = answer;
    return { ok: true, activationId, fn, status, headers, body, recorded: recorded.promise };
  } catch (error) {
    request.body.cancel();
    return { ok: false, activationId, fn, error: asPlatformError(error), recorded: recorded.promise };
  }
}

/** The log of a call, opened with its first line: most calls print nothing. */
function callLog(parts: InvokerParts, fn: Fn, activationId: string) {
  let log: CallLog | undefined;
  return {
    line(line: LogLine): void {
      log ??= parts.logs.open({ namespace: fn.namespace, functionId: fn.id, activationId });
      log.line(line);
      parts.watch?.(fn.name, activationId, line);
    },
    end(): void {
      if (log !== undefined) parts.trailing.add(log);
    },
  };
}

function linkOf(parts: InvokerParts, definition: Definition, report: (outcome: AgentReport) => void): AgentLink {
  const agents = parts.agents();
  const decision = parts.place(definition.fn, agents);
  if ("agentId" in decision) {
    for (const agent of agents) if (agent.id === decision.agentId) return agent.link;
  }
  const error = refusal(definition, decision);
  report({ ...nothingRan, error });
  throw error;
}

const nothingRan = {
  start: "none",
  sandboxId: null,
  waitMs: 0,
  createMs: 0,
  initMs: 0,
  runMs: 0,
  requestBytes: 0,
  responseBytes: 0,
} as const;

function refusal(definition: Definition, decision: Decision): PlatformError {
  const { fn } = definition;
  if ("refused" in decision && decision.refused === "too_big") {
    return new PlatformError(
      "overloaded",
      `Function ${fn.name} wants ${fn.memoryMiB} MiB of memory, and no machine gives more than ${decision.memoryMiBMax} MiB; lower its memory`,
      { details: { limit: "memory" } },
    );
  }
  return new PlatformError("overloaded", "No machine accepts calls at the moment; try again", { details: { retryAfterS: 1 } });
}

function diskTooSlow(): PlatformError {
  return new PlatformError("overloaded", "The disk is too slow for the records of more calls; try again", {
    details: { limit: "records", retryAfterS: 1 },
  });
}

function activationOf(definition: Definition, id: string, startedAt: number, endedAt: number, outcome: AgentReport): Activation {
  const { fn, route } = definition;
  const { error } = outcome;
  return {
    id,
    namespace: fn.namespace,
    appId: fn.appId,
    functionId: fn.id,
    functionName: fn.name,
    revision: fn.revision,
    routeId: route?.id ?? null,
    status: error === null ? "success" : statusOf(error.code),
    start: outcome.start,
    attempt: 1,
    error: error === null ? null : { code: error.code, message: error.message },
    startedAt,
    endedAt,
    waitMs: outcome.waitMs,
    createMs: outcome.createMs,
    initMs: outcome.initMs,
    runMs: outcome.runMs,
    requestBytes: outcome.requestBytes,
    responseBytes: outcome.responseBytes,
    billedUnits: billedUnits(outcome.initMs, outcome.runMs),
  };
}

/** Whose fault an error is, for the record. */
function statusOf(code: ErrorCode): ActivationStatus {
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
