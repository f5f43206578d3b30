import type { CancelSignal } from "../lib/cancel.ts";
import type { AgentAnswer, AgentLink, AgentReport } from "../agent/link.ts";
import type { World } from "../lib/world.ts";
import type { CallLog, LogCollector } from "../logs/collector.ts";
import { PlatformError } from "../model/error.ts";
import type { Fn, LogLine } from "../model/model.ts";
import type { FunctionRequest } from "../protocol/protocol.ts";
import type { AgentSnapshot, Decision, Placement } from "../scheduler/scheduler.ts";
import { traceOf } from "../telemetry/trace-context.ts";
import type { Definition } from "./definitions.ts";
import { nothingRan } from "./outcome.ts";
import type { TrailingLogs } from "./trailing-logs.ts";

export interface DispatchParts {
  readonly world: World;
  readonly place: Placement;
  readonly agents: () => readonly (AgentSnapshot & { readonly link: AgentLink })[];
  readonly logs: Pick<LogCollector, "open">;
  readonly trailing: TrailingLogs;
  /** Hears every line that a function prints, besides its log. */
  readonly watch?: ((functionName: string, activationId: string, line: LogLine) => void) | undefined;
  /** Hears of every failure of a call, for metrics and the platform's log; must not throw. */
  readonly failed?: ((error: PlatformError, call: FailedCall) => void) | undefined;
  /** How long a call may wait for a slot, in ms. */
  readonly waitMsMax: number;
}

/** Whose failure it is; ids null when the call was not taken. */
export interface FailedCall {
  readonly namespace: string;
  readonly activationId: string | null;
  readonly traceId: string | null;
}

/**
 * Runs a call on the agent that the scheduler chooses; `request.callId` is the activation's id. Throws when there is none. Resolves with the head of the answer;
 * `ended` is called exactly once, after its last byte or with the failure, and with the trace's id if the caller gave one.
 */
export function dispatch(
  parts: DispatchParts,
  definition: Definition,
  request: Omit<FunctionRequest, "deadlineAt">,
  signal: CancelSignal,
  ended: (report: AgentReport, traceId: string | undefined) => void,
): Promise<AgentAnswer> {
  const { fn, app } = definition;
  const { callId, http, body } = request;
  const { traceId, given, headers } = traceOf(request.headers, callId);
  const log = callLog(parts, fn, callId);
  const report = (outcome: AgentReport) => {
    if (outcome.error !== null) parts.failed?.(outcome.error, { namespace: fn.namespace, activationId: callId, traceId });
    ended(outcome, given ? traceId : undefined);
    log.end();
  };
  const link = linkOf(parts, fn, report);
  const traced = { callId, headers, http, body };
  return link.run({ fn, app, request: traced, waitMsMax: parts.waitMsMax, report, log: log.line }, signal);
}

/** The log of a call, opened with its first line: most calls print nothing. */
export function callLog(parts: DispatchParts, fn: Fn, activationId: string) {
  let log: CallLog | undefined;
  return {
    line(line: LogLine): void {
      const { namespace, appId, id, name } = fn;
      log ??= parts.logs.open({ namespace, appId, functionId: id, functionName: name, activationId });
      log.line(line);
      parts.watch?.(name, activationId, line);
    },
    end(): void {
      if (log !== undefined) parts.trailing.add(log);
    },
  };
}

function linkOf(parts: DispatchParts, fn: Fn, report: (outcome: AgentReport) => void): AgentLink {
  const agents = parts.agents();
  const decision = parts.place(fn, agents);
  if ("agentId" in decision) {
    for (const agent of agents) if (agent.id === decision.agentId) return agent.link;
  }
  const error = refusal(fn, decision);
  report({ ...nothingRan, error });
  throw error;
}

function refusal(fn: Fn, decision: Decision): PlatformError {
  if ("refused" in decision && decision.refused === "too_big") {
    return new PlatformError(
      "overloaded",
      `Function ${fn.name} wants ${fn.memoryMiB} MiB of memory, and no machine gives more than ${decision.memoryMiBMax} MiB; lower its memory`,
      { details: { limit: "memory" } },
    );
  }
  return new PlatformError("overloaded", "No machine accepts calls at the moment; try again", { details: { retryAfterS: 1 } });
}
