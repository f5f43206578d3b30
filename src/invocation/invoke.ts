import type { AgentReport } from "../agent/link.ts";
import { authorize } from "../auth/authorize.ts";
import type { BodySource } from "../lib/body.ts";
import type { CancelSignal } from "../lib/cancel.ts";
import type { Admission } from "../metering/admit.ts";
import { asPlatformError, PlatformError } from "../model/error.ts";
import type { Activation, Fn } from "../model/model.ts";
import type { Definition, Definitions } from "./definitions.ts";
import { DispatchedCall, type DispatchParts } from "./dispatch.ts";
import type {
  CallHooks,
  FunctionReference,
  HookedCall,
  InvokeCaller,
  InvokeRequest,
  InvokeResult,
  Invoker,
} from "./invocation.ts";
import { activationOf, identityOf } from "./outcome.ts";
import type { Recorder } from "./record.ts";
import type { RunningCalls } from "./running.ts";
import type { Traffic } from "./traffic.ts";

export interface InvokerParts extends DispatchParts {
  readonly definitions: Definitions;
  readonly admission: Admission;
  readonly recorder: Recorder;
  readonly running: RunningCalls;
  readonly traffic: Traffic;
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
      const { caller: who, namespace, target, http, body } = request;
      enter(parts, { caller: who, namespace, target, http, body, headers }, overridden, signal, caller, id);
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
  try {
    checkRoom(parts, definition);
    parts.admission.enter(request.namespace);
  } catch (cause) {
    refuse(parts, request, caller, cause);
    return;
  }
  new SyncCall(parts, id ?? parts.world.newId(), definition, request, caller).begin(signal);
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
  { caller, namespace, target }: InvokeRequest,
): Definition | Promise<Definition> {
  authorize(caller, namespace);
  if (!recorder.hasRoom) return recorder.room().then(() => definitionOf(definitions, namespace, target));
  return definitionOf(definitions, namespace, target);
}

function definitionOf(definitions: Definitions, namespace: string, target: FunctionReference): Definition | Promise<Definition> {
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

/** One synchronous call, from its admission to its record. */
class SyncCall extends DispatchedCall {
  readonly #parts: InvokerParts;
  readonly #caller: InvokeCaller;
  #callerSignal: CancelSignal | null = null;
  #record: Activation | null = null;
  #recorded: PromiseWithResolvers<Activation> | null = null;

  constructor(parts: InvokerParts, id: string, definition: Definition, request: InvokeRequest, caller: InvokeCaller) {
    super(parts, id, definition, parts.world.now(), 1, request);
    this.#parts = parts;
    this.#caller = caller;
  }

  begin(signal: CancelSignal): void {
    this.#callerSignal = signal;
    this.#parts.running.add(this);
    this.#parts.traffic.enter();
    signal.addEventListener("abort", this);
    if (signal.aborted) this.handleEvent();
    this.dispatch();
  }

  /** The caller is gone. */
  handleEvent(): void {
    this.abort(this.#callerSignal?.reason);
  }

  get over(): Promise<Activation> {
    if (this.#record !== null) return Promise.resolve(this.#record);
    this.#recorded ??= Promise.withResolvers();
    return this.#recorded.promise;
  }

  answered(status: number, headers: readonly string[], body: BodySource): void {
    this.#caller.told(new Answer(this, status, headers, body));
  }

  failed(error: PlatformError): void {
    this.body.cancel();
    this.#caller.told({ ok: false, activationId: this.id, fn: this.fn, error, recorded: this.over });
  }

  protected override ended(report: AgentReport): void {
    const { running, traffic, admission, recorder, world } = this.#parts;
    running.remove(this);
    traffic.leave();
    admission.leave(this.fn.namespace);
    const { startedAt, attempt, traceId } = this;
    const record = activationOf(
      identityOf(this.definition, this.id),
      { startedAt, endedAt: world.now(), attempt, traceId },
      report,
    );
    recorder.add(record);
    this.#record = record;
    this.#recorded?.resolve(record);
  }
}

/** What a caller is told of a call with an answer. Most look at the record never: it is asked for. */
class Answer implements Extract<InvokeResult, { ok: true }> {
  readonly ok = true;
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: BodySource;
  readonly #call: SyncCall;

  constructor(call: SyncCall, status: number, headers: readonly string[], body: BodySource) {
    this.#call = call;
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  get activationId(): string {
    return this.#call.id;
  }

  get fn(): Fn {
    return this.#call.fn;
  }

  get recorded(): Promise<Activation> {
    return this.#call.over;
  }
}
