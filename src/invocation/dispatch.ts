import type { AgentLink, AgentReport } from "../agent/link.ts";
import type { BodySource } from "../lib/body.ts";
import type { World } from "../lib/world.ts";
import type { CallLog, LogCollector } from "../logs/collector.ts";
import { compositionOf } from "../model/composition.ts";
import { PlatformError } from "../model/error.ts";
import { idToHex } from "../model/id.ts";
import type { App, Fn, LogLine } from "../model/model.ts";
import type { FunctionRequest } from "../protocol/protocol.ts";
import type { AgentSnapshot, Decision, Placement } from "../scheduler/scheduler.ts";
import { traceOf } from "../telemetry/trace-context.ts";
import type { Definition } from "./definitions.ts";
import type { CallCause, FlowCall, Flows, InvokeRequest } from "./invocation.ts";
import { nothingRan } from "./outcome.ts";
import { RunningCall } from "./running.ts";
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
  /** For calls that consist of others; absent: there are none. */
  readonly flows?: Flows | undefined;
}

/** Whose failure it is; ids null when the call was not taken. */
export interface FailedCall {
  readonly namespace: string;
  readonly activationId: string | null;
  readonly traceId: string | null;
}

/** What a call is sent. */
export type CallRequest = Pick<FunctionRequest, "headers" | "http" | "body"> & Pick<InvokeRequest, "cause">;

/**
 * A call between a door, or a queue, and the agent that the scheduler chooses. `ended` is called exactly once, after the last byte of the answer or
 * right before `failed`.
 */
export abstract class DispatchedCall extends RunningCall implements FlowCall {
  readonly headers: readonly string[];
  readonly http: FunctionRequest["http"];
  readonly body: BodySource;
  readonly traceparent: string;
  /** Of the trace, if the caller gave one. */
  readonly traceId: string | null;
  readonly cause: CallCause | undefined;
  readonly #parts: DispatchParts;
  #output: CallOutput | null = null;
  #reported = false;
  #settled: Promise<void> | undefined;

  constructor(
    parts: DispatchParts,
    id: string,
    definition: Definition,
    startedAt: number,
    attempt: number,
    request: CallRequest,
  ) {
    super(id, definition, startedAt, attempt);
    const trace = traceOf(request.headers, id);
    this.headers = trace.headers;
    this.http = request.http;
    this.body = request.body;
    this.traceparent = trace.traceparent;
    this.traceId = trace.traceId;
    this.cause = request.cause;
    this.#parts = parts;
  }

  abstract answered(status: number, headers: readonly string[], body: BodySource): void;
  abstract failed(error: PlatformError): void;
  protected abstract ended(report: AgentReport): void;

  get fn(): Fn {
    return this.definition.fn;
  }

  get app(): App | null {
    return this.definition.app;
  }

  get callId(): string {
    return this.id;
  }

  get request(): this {
    return this;
  }

  get waitMsMax(): number {
    return this.#parts.waitMsMax;
  }

  /** Runs it on the agent that the scheduler chooses, or says why there is none; one that consists of others runs here. */
  dispatch(): void {
    const { flows } = this.#parts;
    if (flows !== undefined && isFlow(this.fn, this.cause)) return flows.run(this, this);
    const agents = this.#parts.agents();
    const decision = this.#parts.place(this.fn, agents, this.definition.extensions);
    if ("agentId" in decision) {
      for (const agent of agents) if (agent.id === decision.agentId) return agent.link.run(this, this);
    }
    const error = refusal(this.fn, decision);
    this.report({ ...nothingRan, error });
    this.failed(error);
  }

  log(line: LogLine): void {
    if (this.#output === null) {
      this.#output = new CallOutput(this.#parts, this.fn, this.id);
      // Output has a way of its own, on which even the first line may come too late for `report`.
      if (this.#reported) this.#output.end(this.#settled);
    }
    this.#output.line(line);
  }

  report(report: AgentReport): void {
    if (report.error !== null) this.#parts.failed?.(report.error, this.#failedCall());
    this.ended(report);
    this.#reported = true;
    this.#settled = report.settled;
    this.#output?.end(this.#settled);
  }

  #failedCall(): FailedCall {
    return { namespace: this.fn.namespace, activationId: this.id, traceId: this.traceId ?? idToHex(this.id) };
  }
}

/** Whether the call consists of others. */
export function isFlow(fn: Fn, cause: CallCause | undefined): boolean {
  return compositionOf(fn) !== null && cause?.asCode !== true;
}

/** The log of a call, opened with its first line: most calls print nothing. */
export class CallOutput {
  readonly #parts: Pick<DispatchParts, "logs" | "trailing" | "watch">;
  readonly #functionName: string;
  readonly #activationId: string;
  readonly #log: CallLog;

  constructor(parts: Pick<DispatchParts, "logs" | "trailing" | "watch">, fn: Fn, activationId: string) {
    const { namespace, appId, id, name, logBytesMax } = fn;
    this.#parts = parts;
    this.#functionName = name;
    this.#activationId = activationId;
    this.#log = parts.logs.open({ namespace, appId, functionId: id, functionName: name, activationId }, logBytesMax);
  }

  line(line: LogLine): void {
    this.#log.line(line);
    this.#parts.watch?.(this.#functionName, this.#activationId, line);
  }

  /** The call is over; lines may follow until its sandbox has settled, and for a moment. */
  end(settled?: Promise<void>): void {
    const trail = () => this.#parts.trailing.add(this.#log);
    if (settled === undefined) trail();
    else void settled.then(trail);
  }
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
