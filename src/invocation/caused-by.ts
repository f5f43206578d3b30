/**
 * The record of an event from which calls follow. It goes along with the first of those in the queue, so that they are there together, on whatever disk: it is
 * written with the records of calls, many at a time, and whoever takes such a message from a server that died writes it again.
 */
import type { Activation } from "../model/model.ts";
import type { CallResult } from "../store/store.ts";
import type { AcceptedCalls } from "./invocation.ts";

/** An event, whose calls are about to be accepted. */
export interface CausingEvent {
  /** As `eventRecord` makes it. */
  readonly record: Activation;
  readonly contentType: string | null;
  readonly body: Buffer;
  /** What became of the rules, as JSON text. */
  rules(calls: AcceptedCalls): string;
}

/** The same in the head of a message. */
export interface EventHead {
  /** The server that accepted it, which writes the record. */
  readonly server: string;
  readonly id: string;
  readonly namespace: string;
  readonly trigger: { readonly id: string; readonly name: string; readonly revision: number };
  readonly at: number;
  readonly bytes: number;
  readonly contentType: string | null;
  /** Whatever JSON `CausingEvent.rules` gave. */
  readonly rules: unknown;
  /** In base64; null: it is the message's. */
  readonly body: string | null;
}

/** A record and what is kept with it. */
export interface Recorded {
  readonly record: Activation;
  readonly result: CallResult;
}

/** The record of an event: it takes no time, and runs nothing. */
export function eventRecord({
  id,
  namespace,
  trigger,
  at,
  bytes,
}: Pick<EventHead, "id" | "namespace" | "trigger" | "at" | "bytes">): Activation {
  return {
    id,
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
    requestBytes: bytes,
    responseBytes: 0,
    billedUnits: 0,
    activated: "trigger",
  };
}

/** What the event said is kept as it came. */
export function recordedEvent({ record, contentType, body }: CausingEvent, rules: string): Recorded {
  return { record, result: { status: 200, contentType, body, bytes: body.length, rules } };
}

/** The head of a call (JSON text) with the event that it follows from. `body`: the message's own. Put together by hand: each event has one. */
export function withEvent(
  head: string,
  { record, contentType, body: own }: CausingEvent,
  rules: string,
  server: string,
  body: Uint8Array,
): string {
  const { id, namespace, functionId, functionName, revision, startedAt } = record;
  const trigger = `{"id":"${functionId}","name":${JSON.stringify(functionName)},"revision":${revision}}`;
  const apart = own === body || own.equals(body) ? "null" : `"${own.toString("base64")}"`;
  const who = `"server":"${server}","id":"${id}","namespace":${JSON.stringify(namespace)},"trigger":${trigger}`;
  const what = `"at":${startedAt},"bytes":${own.length},"contentType":${JSON.stringify(contentType)},"rules":${rules},"body":${apart}`;
  return `${head.slice(0, -1)},"event":{${who},${what}}}`;
}

/** What `withEvent` wrote. `body`: the message's. */
export function eventIn(event: EventHead, body: Uint8Array): Recorded {
  const own = event.body === null ? body : Buffer.from(event.body, "base64");
  const { contentType } = event;
  const rules = JSON.stringify(event.rules);
  return { record: eventRecord(event), result: { status: 200, contentType, body: own, bytes: own.length, rules } };
}
