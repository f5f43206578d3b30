import { authorize } from "../auth/authorize.ts";
import { headerOf } from "../http/headers.ts";
import type { AcceptedCalls, InvokeRequest, Invoker } from "../invocation/invocation.ts";
import { WholeBody } from "../lib/body.ts";
import type { World } from "../lib/world.ts";
import type { Admission } from "../metering/admit.ts";
import { PlatformError } from "../model/error.ts";
import type { Activation, Rule, Trigger } from "../model/model.ts";
import type { Activations, CallResult, Store } from "../store/store.ts";
import { eventBody } from "./event-body.ts";
import { EventRecords } from "./event-records.ts";
import { type Event, eventBytesMax, type Events, type Fired } from "./events.ts";
import { type KnownTrigger, KnownTriggers } from "./known-triggers.ts";
import { outcomeText } from "./rule-outcomes.ts";

export interface EventsParts {
  readonly world: World;
  readonly store: Pick<Store, "triggers" | "rules">;
  readonly admission: Pick<Admission, "fire">;
  readonly invoker: Pick<Invoker, "acceptAll">;
  /** Where the record of an event goes, on the disk that the queue is on; `append` resolves once it is there, or says that it is not. */
  readonly activations: Pick<Activations, "append">;
  /** Hears of every record that went there. */
  readonly heard: (record: Activation) => void;
  /** Writes a record that was refused there: tries until it is on the disk. */
  readonly recorder: Pick<Activations, "append">;
}

/** The room, put together. */
export function createEvents(parts: EventsParts): Events {
  const known = new KnownTriggers(parts.store);
  const records = new EventRecords(parts.activations, parts.heard);
  return {
    fire: (event) => fire(parts, known, records, event),
    changed: (namespace) => known.changed(namespace),
  };
}

async function fire(parts: EventsParts, known: KnownTriggers, records: EventRecords, event: Event): Promise<Fired> {
  const { caller, namespace, trigger: name, body } = event;
  authorize(caller, namespace);
  if (body.length > eventBytesMax) throw tooLarge(body.length);
  parts.admission.fire(namespace);
  const found = known.peek(namespace, name) ?? (await known.load(namespace, name));
  return found.active.length === 0 ? nothing : await sent(parts, records, event, found);
}

const nothing: Fired = { activationId: null };

/** In one step: either all calls that are not refused are there with the event's record, or none is. */
async function sent(parts: EventsParts, records: EventRecords, event: Event, found: KnownTrigger): Promise<Fired> {
  const { invoker, recorder } = parts;
  if (invoker.acceptAll === undefined)
    throw new PlatformError("unsupported", "Events need a queue, which this server does not have");
  const body = eventBody(event, found.trigger.parameters);
  const record = recordOf(parts, event, found.trigger);
  const result = resultOf(record, event);
  let written: Promise<void> | undefined;
  const calls = await invoker.acceptAll(requestsOf(event, found, body), (accepted) => {
    written = records.add(record, { ...result, rules: rulesText(found, accepted) });
  });
  try {
    await written;
  } catch {
    // Its calls are there, so it has to be.
    await recorder.append([record], [{ ...result, rules: rulesText(found, calls) }]);
  }
  return { activationId: record.id };
}

function requestsOf({ caller, namespace, headers }: Event, { targets }: KnownTrigger, body: Buffer): InvokeRequest[] {
  return targets.map((target) => ({ caller, namespace, target, headers, http: null, body: new WholeBody(body) }));
}

/** A JSON array, in the order of the rules. */
function rulesText({ rules, active }: KnownTrigger, calls: AcceptedCalls): string {
  const textOf = (rule: Rule) => outcomeText(rule, calls[active.indexOf(rule)]);
  return `[${rules.map(textOf).join(",")}]`;
}

function recordOf({ world }: EventsParts, { namespace, body }: Event, trigger: Trigger): Activation {
  const at = world.now();
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
    startedAt: at,
    endedAt: at,
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
