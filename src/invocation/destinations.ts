/** Calling other functions with the outcome of a call, or with what it was sent: each as an asynchronous call of its own, sent together with the acknowledgement. */
import { headerOf } from "../http/headers.ts";
import type { World } from "../lib/world.ts";
import { asPlatformError } from "../model/error.ts";
import type { Activation, Fn } from "../model/model.ts";
import type { NewMessage } from "../queue/queue.ts";
import type { CallResult } from "../store/store.ts";
import { type CallHead, callHead, chainMax } from "./call-head.ts";
import type { Definition, Definitions } from "./definitions.ts";
import type { CallHooks } from "./invocation.ts";

/** Of a request or an answer inside an envelope; longer ones are cut. */
const payloadBytesMax = 256 * 1024;

export interface OutcomeOf {
  readonly fn: Fn;
  readonly head: CallHead;
  readonly payload: Uint8Array;
  readonly record: Activation;
  readonly result: CallResult | null;
}

/** Who is to be called, as `app/name`, and with what. */
interface Told {
  readonly name: string;
  readonly headers: readonly string[];
  readonly body: Uint8Array;
}

/**
 * The messages that tell the destinations there are. `say` hears why one that is set is not called; one that an extension refuses is not called either.
 */
export async function toldOf(
  parts: { readonly world: World; readonly definitions: Definitions; readonly hooks?: CallHooks | undefined },
  outcome: OutcomeOf,
  say: (text: string) => void,
): Promise<readonly NewMessage[]> {
  // Those of a function that others share are its provider's.
  if (outcome.head.provider !== undefined) return [];
  const messages: NewMessage[] = [];
  for (const told of destinationsOf(outcome)) messages.push(...(await messageFor(parts, outcome, told, say)));
  return messages;
}

function destinationsOf(outcome: OutcomeOf): readonly Told[] {
  const { fn, head, payload, record } = outcome;
  const { onSuccess, onFailure, deadLetter = null } = fn.delivery;
  const told = (name: string | null): readonly Told[] =>
    name === null ? [] : [{ name, headers: messageHeaders, body: Buffer.from(JSON.stringify(envelope(outcome))) }];
  if (record.status === "success") return told(onSuccess);
  if (record.status === "cancelled") return [];
  const type = headerOf(head.headers, "content-type");
  const headers = type === undefined ? [] : ["Content-Type", type];
  return [...told(onFailure), ...(deadLetter === null ? [] : [{ name: deadLetter, headers, body: payload }])];
}

async function messageFor(
  parts: Parameters<typeof toldOf>[0],
  { fn, head }: OutcomeOf,
  told: Told,
  say: (text: string) => void,
): Promise<readonly NewMessage[]> {
  const { name } = told;
  if (head.chain + 1 > chainMax) {
    say(`Destination ${name} was not called: this is call ${head.chain + 1} of a chain, and ${chainMax} is the most`);
    return [];
  }
  const target = await find(parts.definitions, fn.namespace, name);
  if (typeof target === "string") {
    say(`Destination ${name} could not be called: ${target}`);
    return [];
  }
  const message = messageTo(parts.world, target, told, head.chain + 1);
  const refusal = await refused(parts.hooks, message.id, target, told.headers);
  if (refusal === null) return [message];
  say(`Destination ${name} was not called: ${refusal}`);
  return [];
}

/** Null: it may be called. A fault of an extension is no reason to run the call again whose outcome this is. */
async function refused(
  hooks: CallHooks | undefined,
  id: string,
  definition: Definition,
  headers: readonly string[],
): Promise<string | null> {
  try {
    await hooks?.before({ id, definition, headers, asynchronous: true });
    return null;
  } catch (error) {
    return asPlatformError(error).message;
  }
}

const messageHeaders = ["Content-Type", "application/json"];

async function find(definitions: Definitions, namespace: string, destination: string): Promise<Definition | string> {
  const [app, name] = destination.split("/") as [string, string];
  const reference = { by: "name", app: app === "_" ? null : app, name } as const;
  try {
    return definitions.peek(namespace, reference) ?? (await definitions.load(namespace, reference));
  } catch (error) {
    const { code, message } = asPlatformError(error);
    // What passes is tried again with the whole call.
    if (code !== "not_found") throw error;
    return message;
  }
}

function messageTo(world: World, target: Definition, { headers, body }: Told, chain: number): NewMessage {
  const { fn } = target;
  const head = callHead(target, { headers, http: null, startedAt: world.now(), pinned: null, chain });
  return {
    id: world.newId(),
    namespace: fn.namespace,
    lane: fn.id,
    head: JSON.stringify(head),
    body,
    delayMs: 0,
    ageMsMax: fn.delivery.ageMsMax,
  };
}

/** What a destination is called with; as decision 0009 says. */
function envelope({ head, payload, record, result }: OutcomeOf) {
  const { id, functionName, status, attempt, error, startedAt, endedAt } = record;
  return {
    activationId: id,
    function: functionName,
    status,
    attempt,
    error,
    startedAt: new Date(startedAt).toISOString(),
    endedAt: new Date(endedAt).toISOString(),
    request: content(payload, payload.length, headerOf(head.headers, "content-type") ?? null),
    response: result === null ? null : { status: result.status, ...content(result.body, result.bytes, result.contentType) },
  };
}

/** Text as it is, anything else in base64; `truncated` when only the beginning is there. */
export function content(bytes: Uint8Array, wholeBytes: number, contentType: string | null) {
  const kept = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, payloadBytesMax));
  const encoding = isText(contentType, kept) ? "utf8" : "base64";
  return { contentType, encoding, body: kept.toString(encoding), bytes: wholeBytes, truncated: kept.length < wholeBytes };
}

function isText(contentType: string | null, bytes: Buffer): boolean {
  if (contentType !== null && !/^text\/|[/+](json|xml|javascript|x-www-form-urlencoded)\b/i.test(contentType)) return false;
  return Buffer.from(bytes.toString("utf8")).equals(bytes);
}
