/** Members of a body, checked one by one. Each throws `Refusal`. */
import { invalidParameter, violates } from "./errors.ts";

export type Json = Readonly<Record<string, unknown>>;

export function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

export function textIn(body: Json, name: string): string | undefined {
  const value = body[name];
  if (isAbsent(value)) return undefined;
  if (typeof value !== "string") throw violates(String(value).slice(0, 60), memberOf(name), "Member must be a string");
  return value;
}

export function wholeIn(
  body: Json,
  name: string,
  { min, max }: { readonly min: number; readonly max: number },
): number | undefined {
  const value = body[name];
  if (isAbsent(value)) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value))
    throw violates(String(value).slice(0, 60), memberOf(name), "Member must be a whole number");
  if (value < min) throw violates(String(value), memberOf(name), `Member must have value greater than or equal to ${min}`);
  if (value > max) throw violates(String(value), memberOf(name), `Member must have value less than or equal to ${max}`);
  return value;
}

export function flagIn(body: Json, name: string): boolean {
  return body[name] === true;
}

export function objectIn(body: Json, name: string): Json | undefined {
  const value = body[name];
  if (isAbsent(value)) return undefined;
  if (typeof value !== "object" || Array.isArray(value)) throw invalidParameter(`${name} must be an object`);
  return value as Json;
}

export function itemsIn(body: Json, name: string): readonly unknown[] | undefined {
  const value = body[name];
  if (isAbsent(value)) return undefined;
  if (!Array.isArray(value)) throw invalidParameter(`${name} must be a list`);
  return value;
}

/** An object all of whose members are texts. */
export function textsIn(body: Json, name: string): Readonly<Record<string, string>> | undefined {
  const values = objectIn(body, name);
  if (values === undefined) return undefined;
  for (const [key, value] of Object.entries(values))
    if (typeof value !== "string") throw invalidParameter(`${name} has a member ${key.slice(0, 60)} that is no string`);
  return values as Readonly<Record<string, string>>;
}

function memberOf(name: string): string {
  return name.slice(0, 1).toLowerCase() + name.slice(1);
}
