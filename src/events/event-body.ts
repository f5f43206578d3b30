/** What functions are sent of an event. */
import { headerOf } from "../http/headers.ts";
import { isJsonType } from "../lib/json-type.ts";
import type { Event } from "./events.ts";

type Members = Readonly<Record<string, unknown>>;

/** What stands under the members of events. */
interface Under {
  readonly members: Members;
  readonly names: readonly string[];
  /** JSON text without its last brace. */
  readonly head: Buffer;
}

/**
 * The event with `parameters`, and its context over them, under its members. The very bytes where there is nothing to add, or the event is no JSON object;
 * what was written stays as it was in any case.
 */
export function eventBody(event: Pick<Event, "body" | "headers" | "context" | "members">, parameters: Members): Buffer {
  const { body, headers, context } = event;
  const under = underOf(parameters, context);
  if (under.names.length === 0) return body;
  if (body.length === 0) return context === undefined ? body : Buffer.concat([under.head, closing]);
  if (!isJsonType(headerOf(headers, "content-type"))) return body;
  const members = event.members ?? membersIn(body);
  return members === null ? body : merged(under, members as Members, body);
}

function merged({ members: under, names, head }: Under, members: Members, body: Buffer): Buffer {
  const rest = body.subarray(body.indexOf("{") + 1);
  const separator = Object.keys(members).length === 0 ? nothing : comma;
  const added = names.filter((name) => !Object.hasOwn(members, name));
  if (added.length === names.length) return Buffer.concat([head, separator, rest]);
  return added.length === 0 ? body : Buffer.concat([headOf(under, added), separator, rest]);
}

const closing = Buffer.from("}");
const comma = Buffer.from(",");
const nothing = Buffer.alloc(0);

/** Most events of a trigger come with the same, so it is put together once. */
const known = new WeakMap<object, { readonly parameters: Members; readonly under: Under }>();

function underOf(parameters: Members, context: Members | undefined): Under {
  const key = context ?? parameters;
  const found = known.get(key);
  if (found?.parameters === parameters) return found.under;
  const members = context === undefined ? parameters : { ...parameters, ...context };
  const names = Object.keys(members);
  const under = { members, names, head: headOf(members, names) };
  known.set(key, { parameters, under });
  return under;
}

function headOf(members: Members, names: readonly string[]): Buffer {
  const some = names.map((name) => [name, members[name]]);
  return Buffer.from(JSON.stringify(Object.fromEntries(some)).slice(0, -1));
}

/** Null: it is no object. */
function membersIn(body: Buffer): object | null {
  try {
    const value: unknown = JSON.parse(body.toString());
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
