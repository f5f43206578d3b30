import { authorize } from "../auth/authorize.ts";
import type { CancelSignal } from "../lib/cancel.ts";
import type { Leave } from "../metering/reserved-calls.ts";
import { compositionOf } from "../model/composition.ts";
import { asPlatformError, type PlatformError } from "../model/error.ts";
import type { Fn } from "../model/model.ts";
import type { Definition, Definitions } from "./definitions.ts";
import type { CallHooks, HookedCall, InvokeCaller, InvokeRequest, Invoker } from "./invocation.ts";
import { KeptCall, type KeptCallParts } from "./kept-call.ts";
import { SyncCall } from "./sync-call.ts";

export interface InvokerParts extends KeptCallParts {
  readonly definitions: Definitions;
  /** Absent where no extension wants to see calls. */
  readonly hooks?: CallHooks | undefined;
}

/** The way of every synchronous call: resolve, authorize, admit, place, run, record. */
export function createInvoker(parts: InvokerParts): Invoker {
  return {
    begin: (request, signal, caller) => begin(parts, request, signal, caller),
    invoke: (request, signal) => new Promise((resolve) => begin(parts, request, signal, { told: resolve })),
  };
}

function begin(parts: InvokerParts, request: InvokeRequest, signal: CancelSignal, caller: InvokeCaller): void {
  let found: Definition | Promise<Definition>;
  try {
    found = admitted(parts, request);
  } catch (cause) {
    refuse(parts, request, caller, cause);
    return;
  }
  if (!(found instanceof Promise)) return come(parts, request, found, signal, caller);
  found.then(
    (definition) => come(parts, request, definition, signal, caller),
    (cause: unknown) => refuse(parts, request, caller, cause),
  );
}

function come(
  parts: InvokerParts,
  request: InvokeRequest,
  definition: Definition,
  signal: CancelSignal,
  caller: InvokeCaller,
): void {
  const { hooks } = parts;
  if (hooks === undefined) return enter(parts, request, definition, signal, caller);
  hooked(hooks, { id: parts.world.newId(), definition, headers: request.headers, asynchronous: false }).then(
    ({ id, definition: overridden, headers }) => {
      const { caller: who, namespace, target, http, body, keep = false, cause } = request;
      enter(parts, { caller: who, namespace, target, http, body, headers, keep, cause }, overridden, signal, caller, id);
    },
    (cause: unknown) => refuse(parts, request, caller, cause),
  );
}

async function hooked(hooks: CallHooks, call: HookedCall): Promise<HookedCall> {
  const overridden = await hooks.override(call);
  await hooks.before(overridden);
  return overridden;
}

/** From its admission on there is a record of the call, whatever happens. */
function enter(
  parts: InvokerParts,
  request: InvokeRequest,
  definition: Definition,
  signal: CancelSignal,
  caller: InvokeCaller,
  id?: string,
): void {
  let leave: Leave | null;
  try {
    leave = admit(parts, request, definition);
  } catch (cause) {
    refuse(parts, request, caller, cause);
    return;
  }
  const call = request.keep === true ? KeptCall : SyncCall;
  new call(parts, id ?? parts.world.newId(), definition, request, caller, leave).begin(signal);
}

function refuse(parts: InvokerParts, request: InvokeRequest, caller: InvokeCaller, cause: unknown): void {
  request.body.cancel();
  const error = asPlatformError(cause);
  parts.failed?.(error, { namespace: request.namespace, activationId: null, traceId: null });
  caller.told({ ok: false, activationId: null, fn: null, error, recorded: null });
}

/** The function, for a caller who may call it at a time when calls are taken. */
export function admitted(
  { definitions, recorder }: Pick<InvokerParts, "definitions" | "recorder">,
  request: InvokeRequest,
): Definition | Promise<Definition> {
  authorize(request.caller, request.namespace);
  if (!recorder.hasRoom) return recorder.room().then(() => definitionOf(definitions, request));
  return definitionOf(definitions, request);
}

function definitionOf(definitions: Definitions, { namespace, target, check }: InvokeRequest): Definition | Promise<Definition> {
  const found = definitions.peek(namespace, target) ?? definitions.load(namespace, target);
  if (check === undefined) return found;
  if (found instanceof Promise) return found.then((definition) => checked(definition, check));
  return checked(found, check);
}

function checked(definition: Definition, check: (fn: Fn) => void): Definition {
  check(definition.fn);
  return definition;
}

/** A call that is a step of another was admitted with it, but for the number of its function. One that consists of others finds room for each of them. */
function admit(parts: InvokerParts, { namespace, cause }: InvokeRequest, definition: Definition): Leave | null {
  const { admission } = parts;
  if (cause === undefined && compositionOf(definition.fn) === null) checkRoom(parts, definition);
  const leave = admission.reserved.enter(definition.fn);
  if (cause !== undefined) return leave;
  try {
    admission.enter(namespace);
  } catch (error) {
    leave?.();
    throw error;
  }
  return leave;
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
