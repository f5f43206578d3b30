/** What functions are sent of an event. */
import { headerOf } from "../http/headers.ts";
import { isJsonType } from "../lib/json-type.ts";

type Members = Readonly<Record<string, unknown>>;

/**
 * The event with `parameters`, and `context` over them, under its members. The very bytes where there is nothing to add, or the event is no JSON object:
 * numbers and the order of members stay as they were written in any case.
 */
export function eventBody(body: Buffer, headers: readonly string[], parameters: Members, context: Members | undefined): Buffer {
  const under = context === undefined ? parameters : { ...parameters, ...context };
  if (Object.keys(under).length === 0) return body;
  if (body.length === 0) return context === undefined ? body : Buffer.from(JSON.stringify(under));
  if (!isJsonType(headerOf(headers, "content-type"))) return body;
  const text = body.toString();
  const members = membersIn(text);
  return members === null ? body : Buffer.from(merged(under, members, text));
}

function merged(under: Members, members: Members, text: string): string {
  const added = Object.entries(under).filter(([name]) => !Object.hasOwn(members, name));
  if (added.length === 0) return text;
  const head = JSON.stringify(Object.fromEntries(added)).slice(0, -1);
  const rest = text.slice(text.indexOf("{") + 1);
  return Object.keys(members).length === 0 ? `${head}${rest}` : `${head},${rest}`;
}

/** Null: it is no object. */
function membersIn(text: string): Members | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Members) : null;
  } catch {
    return null;
  }
}
