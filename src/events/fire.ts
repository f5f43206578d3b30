import { authorize } from "../auth/authorize.ts";
import { headerOf } from "../http/headers.ts";
import { eventRecord } from "../invocation/caused-by.ts";
import type { AcceptedCalls, InvokeRequest, Invoker } from "../invocation/invocation.ts";
import { WholeBody } from "../lib/body.ts";
import type { World } from "../lib/world.ts";
import type { Admission } from "../metering/admit.ts";
import { PlatformError } from "../model/error.ts";
import type { Fn, Rule } from "../model/model.ts";
import type { Store } from "../store/store.ts";
import { eventBody } from "./event-body.ts";
import { type Event, eventBytesMax, type Events, type Fired } from "./events.ts";
import { type KnownTrigger, KnownTriggers } from "./known-triggers.ts";
import { outcomeText } from "./rule-outcomes.ts";

export interface EventsParts {
  readonly world: World;
  readonly store: Pick<Store, "triggers" | "rules">;
  readonly admission: Pick<Admission, "fire">;
  readonly invoker: Pick<Invoker, "acceptAll">;
  /** Throws for functions that no event calls. */
  readonly check: (fn: Fn) => void;
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
  return found.active.length === 0 ? nothing : await sent(parts, event, found);
}

const nothing: Fired = { activationId: null };

/** In one step: either all calls that are not refused are there with the event's record, or none is. */
async function sent({ world, invoker, check }: EventsParts, event: Event, found: KnownTrigger): Promise<Fired> {
  if (invoker.acceptAll === undefined)
    throw new PlatformError("unsupported", "Events need a queue, which this server does not have");
  const { namespace, headers, body } = event;
  const { id, name, revision, parameters } = found.trigger;
  const trigger = { id, name, revision };
  const record = eventRecord({ id: world.newId(), namespace, trigger, at: world.now(), bytes: body.length });
  const contentType = headerOf(headers, "content-type") ?? null;
  const requests = requestsOf(event, found, eventBody(event, parameters), check);
  await invoker.acceptAll(requests, { record, contentType, body, rules: (calls) => rulesText(found, calls) });
  return { activationId: record.id };
}

function requestsOf(event: Event, { targets }: KnownTrigger, body: Buffer, check: EventsParts["check"]): InvokeRequest[] {
  const { caller, namespace, headers } = event;
  return targets.map((target) => ({ caller, namespace, target, headers, http: null, body: new WholeBody(body), check }));
}

/** A JSON array, in the order of the rules. */
function rulesText({ rules, active }: KnownTrigger, calls: AcceptedCalls): string {
  const textOf = (rule: Rule) => outcomeText(rule, calls[active.indexOf(rule)]);
  return `[${rules.map(textOf).join(",")}]`;
}

function tooLarge(bytes: number): PlatformError {
  return new PlatformError("too_large", `The event has ${bytes} bytes, and ${eventBytesMax} are the most`, {
    details: { bytes, bytesMax: eventBytesMax },
  });
}
