import type { CancelSignal } from "../lib/cancel.ts";
import type { AgentReport } from "../agent/link.ts";
import { authorize } from "../auth/authorize.ts";
import type { Admission } from "../metering/admit.ts";
import { asPlatformError, PlatformError } from "../model/error.ts";
import type { Activation } from "../model/model.ts";
import type { Definition, Definitions } from "./definitions.ts";
import { dispatch, type DispatchParts } from "./dispatch.ts";
import type { InvokeRequest, InvokeResult, Invoker } from "./invocation.ts";
import { activationOf, identityOf } from "./outcome.ts";
import type { Recorder } from "./record.ts";
import { RunningCall, type RunningCalls } from "./running.ts";
import type { Traffic } from "./traffic.ts";

export interface InvokerParts extends DispatchParts {
  readonly definitions: Definitions;
  readonly admission: Admission;
  readonly recorder: Recorder;
  readonly running: RunningCalls;
  readonly traffic: Traffic;
}

/** The way of every synchronous call: resolve, authorize, admit, place, run, record. */
export function createInvoker(parts: InvokerParts): Invoker {
  return { invoke: (request, signal) => invoke(parts, request, signal) };
}

async function invoke(parts: InvokerParts, request: InvokeRequest, signal: CancelSignal): Promise<InvokeResult> {
  let definition: Definition;
  try {
    const found = admitted(parts, request);
    definition = found instanceof Promise ? await found : found;
    checkRoom(parts, definition);
    parts.admission.enter(request.namespace);
  } catch (cause) {
    request.body.cancel();
    const error = asPlatformError(cause);
    parts.failed?.(error, { namespace: request.namespace, activationId: null, traceId: null });
    return { ok: false, activationId: null, fn: null, error, recorded: null };
  }
  return run(parts, request, definition, signal);
}

/** The function, for a caller who may call it at a time when calls are taken. */
export function admitted(
  { definitions, recorder }: Pick<InvokerParts, "definitions" | "recorder">,
  { caller, namespace, target }: InvokeRequest,
): Definition | Promise<Definition> {
  authorize(caller, namespace);
  if (!recorder.hasRoom) throw diskTooSlow();
  return definitions.peek(namespace, target) ?? definitions.load(namespace, target);
}

/** One agent that takes calls and has a place is enough; that there is none at all is told with a record. */
function checkRoom({ agents }: InvokerParts, { fn }: Definition): void {
  let refusal: PlatformError | null = null;
  for (const { accepting, link } of agents()) {
    if (!accepting) continue;
    refusal = link.refusal(fn);
    if (refusal === null) return;
  }
  if (refusal !== null) throw refusal;
}

/** From here on there is a record, whatever happens. */
async function run(
  parts: InvokerParts,
  request: InvokeRequest,
  definition: Definition,
  signal: CancelSignal,
): Promise<InvokeResult> {
  const { world, running, traffic } = parts;
  const { fn } = definition;
  const activationId = world.newId();
  const recorded = Promise.withResolvers<Activation>();
  const call = new RunningCall(activationId, definition, world.now(), 1, recorded.promise);
  const callerGone = () => call.end(signal.reason);
  const ended = (outcome: AgentReport, traceId: string | undefined) => {
    running.remove(activationId);
    traffic.leave();
    parts.admission.leave(request.namespace);
    const times = { startedAt: call.startedAt, endedAt: world.now(), attempt: 1, traceId };
    const record = activationOf(identityOf(definition, activationId), times, outcome);
    parts.recorder.add(record);
    recorded.resolve(record);
  };
  running.add(call);
  traffic.enter();
  signal.addEventListener("abort", callerGone);
  if (signal.aborted) callerGone();
  try {
    const { headers, http, body } = request;
    const answer = await dispatch(parts, definition, { callId: activationId, headers, http, body }, call.signal, ended);
    return { ok: true, activationId, fn, ...answer, recorded: recorded.promise };
  } catch (error) {
    request.body.cancel();
    return { ok: false, activationId, fn, error: asPlatformError(error), recorded: recorded.promise };
  }
}

function diskTooSlow(): PlatformError {
  return new PlatformError("overloaded", "The disk is too slow for the records of more calls; try again", {
    details: { limit: "records", retryAfterS: 1 },
  });
}
