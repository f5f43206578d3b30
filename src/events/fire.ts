import { authorize } from "../auth/authorize.ts";
import { headerOf } from "../http/headers.ts";
import type { Accepted, InvokeRequest, Invoker } from "../invocation/invocation.ts";
import { WholeBody } from "../lib/body.ts";
import type { World } from "../lib/world.ts";
import type { LogCollector } from "../logs/collector.ts";
import type { Admission } from "../metering/admit.ts";
import { PlatformError } from "../model/error.ts";
import type { Activation, Rule, Trigger } from "../model/model.ts";
import type { Activations, CallResult, Store } from "../store/store.ts";
import { eventBody } from "./event-body.ts";
import { type Event, eventBytesMax, type Events, type Fired, type RuleOutcome } from "./events.ts";
import { type KnownTrigger, KnownTriggers } from "./known-triggers.ts";

export interface EventsParts {
  readonly world: World;
  readonly store: Pick<Store, "triggers" | "rules">;
  readonly admission: Pick<Admission, "fire">;
  readonly invoker: Pick<Invoker, "acceptAll">;
  /** Where the record of an event goes; `append` resolves once it is on the disk. */
  readonly records: Pick<Activations, "append">;
  /** Where what became of its rules goes. */
  readonly logs: Pick<LogCollector, "open" | "flush">;
}

/** The room, put together. */
export function createEvents(parts: EventsParts): Events {
  const known = new KnownTriggers(parts.store);
  return {
    fire: (event) => fire(parts, known, event),
    changed: (namespace) => known.changed(namespace),
  };
}

async function fire(parts: EventsParts, known: KnownTriggers, event: Event): Promise<Fired> {
  const { caller, namespace, trigger: name, body } = event;
  authorize(caller, namespace);
  if (body.length > eventBytesMax) throw tooLarge(body.length);
  parts.admission.fire(namespace);
  const found = known.peek(namespace, name) ?? (await known.load(namespace, name));
  const active = found.rules.filter((rule) => rule.active);
  if (active.length === 0) return { activationId: null };
  const startedAt = parts.world.now();
  const calls = await sent(parts, event, found.trigger, active);
  const record = recordOf(parts, event, found.trigger, startedAt);
  tell(parts, record, outcomes(found, active, calls));
  // Together: the database commits them as one.
  await Promise.all([parts.records.append([record], [resultOf(record, event)]), parts.logs.flush()]);
  return { activationId: record.id };
}

/** In one step: either all calls that are not refused are there, or none is. */
async function sent(
  { invoker }: EventsParts,
  event: Event,
  { parameters }: Trigger,
  rules: readonly Rule[],
): Promise<readonly (Accepted | PlatformError)[]> {
  if (invoker.acceptAll === undefined)
    throw new PlatformError("unsupported", "Events need a queue, which this server does not have");
  const body = eventBody(event.body, event.headers, parameters, event.context);
  return await invoker.acceptAll(rules.map((rule) => requestOf(event, rule, body)));
}

function requestOf({ caller, namespace, headers }: Event, { target }: Rule, body: Buffer): InvokeRequest {
  const { namespace: owner, app, name } = target;
  const provider = owner === namespace ? undefined : owner;
  return { caller, namespace, target: { by: "name", app, name, provider }, headers, http: null, body: new WholeBody(body) };
}

function outcomes(
  { rules }: KnownTrigger,
  active: readonly Rule[],
  calls: readonly (Accepted | PlatformError)[],
): readonly RuleOutcome[] {
  return rules.map((rule) => outcomeOf(rule, calls[active.indexOf(rule)]));
}

function outcomeOf({ name: rule, target }: Rule, call: Accepted | PlatformError | undefined): RuleOutcome {
  if (call === undefined) return { rule, target, activationId: null, error: null };
  if (!(call instanceof PlatformError)) return { rule, target, activationId: call.activationId, error: null };
  const { code, message, details } = call;
  return { rule, target, activationId: null, error: { code, message, details } };
}

function tell({ logs, world }: EventsParts, record: Activation, lines: readonly RuleOutcome[]): void {
  const { id: activationId, namespace, functionId, functionName } = record;
  const log = logs.open({ namespace, appId: null, functionId, functionName, activationId });
  const at = world.now();
  for (const line of lines) log.line({ at, stream: "platform", text: JSON.stringify(line) });
  log.end();
}

function recordOf({ world }: EventsParts, { namespace, body }: Event, trigger: Trigger, startedAt: number): Activation {
  return {
    id: world.newId(),
    namespace,
    appId: null,
    functionId: trigger.id,
    functionName: trigger.name,
    revision: trigger.revision,
    routeId: null,
    status: "success",
    start: "none",
    attempt: 1,
    error: null,
    startedAt,
    endedAt: world.now(),
    waitMs: 0,
    createMs: 0,
    initMs: 0,
    runMs: 0,
    requestBytes: body.length,
    responseBytes: 0,
    billedUnits: 0,
    activated: "trigger",
  };
}

/** What the event said is kept as it came. */
function resultOf({ id: activationId, namespace }: Activation, { headers, body }: Event): CallResult {
  const contentType = headerOf(headers, "content-type") ?? null;
  return { activationId, namespace, status: 200, contentType, body, bytes: body.length };
}

function tooLarge(bytes: number): PlatformError {
  return new PlatformError("too_large", `The event has ${bytes} bytes, and ${eventBytesMax} are the most`, {
    details: { bytes, bytesMax: eventBytesMax },
  });
}
