/** Annotations: checked by Fn's rules, merged by its rule, and kept as the JSON text they came as. */
import type { Annotations } from "../../model/model.ts";
import { invalid } from "./errors.ts";
import { fnLimits } from "./limits.ts";

/** The end points that the server itself adds to what it shows; a caller's values for them are not kept. */
export const endpointKeys = {
  fn: "fnproject.io/fn/invokeEndpoint",
  trigger: "fnproject.io/trigger/httpEndpoint",
} as const;

type Given = ReadonlyMap<string, string> | undefined;

const max = fnLimits.annotations;

/** The annotations of something new. Throws `invalid`. */
export function newAnnotations(given: Given, ownKey?: string): Annotations {
  for (const [key, value] of given ?? []) check(key, value);
  return collect(new Map(given), ownKey, 0);
}

/** What is stored with a change merged in: null and "" delete. The same object when nothing changed. Throws `invalid`. */
export function mergedAnnotations(stored: Annotations, given: Given, ownKey?: string): Annotations {
  const merged = new Map(Object.entries(stored));
  for (const [key, value] of given ?? []) {
    if (isEmpty(value)) merged.delete(key);
    else merged.set(key, checked(key, value));
  }
  const next = collect(merged, ownKey, Object.keys(stored).length);
  return sameRecord(stored, next) ? stored : next;
}

/** True when both hold the same keys with the same values. */
export function sameRecord(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && a[key] === b[key]);
}

/** More than the maximum may be there already, from another door; then no more may be added. */
function collect(annotations: Map<string, string>, ownKey: string | undefined, countBefore: number): Annotations {
  if (ownKey !== undefined) annotations.delete(ownKey);
  if (annotations.size > Math.max(max.countMax, countBefore)) {
    throw invalid(`Invalid annotation change, new key(s) exceed maximum permitted number of annotations keys (${max.countMax})`);
  }
  return Object.fromEntries(annotations);
}

function checked(key: string, value: string): string {
  check(key, value);
  return value;
}

function check(key: string, value: string): void {
  if (!/^[!-~]+$/.test(key)) {
    throw invalid("Invalid annotation key, annotation keys must be non-empty ascii strings excluding whitespace");
  }
  if (Buffer.byteLength(key) > max.keyBytesMax) {
    throw invalid(`Invalid annotation key length, annotation keys may not be larger than ${max.keyBytesMax} bytes`);
  }
  if (isEmpty(value)) {
    throw invalid("Invalid annotation value, annotation values may only be non-empty strings, numbers, objects, or arrays");
  }
  if (Buffer.byteLength(value) > max.valueBytesMax) {
    throw invalid(
      `Invalid annotation value length, annotation values may not be larger than ${max.valueBytesMax} bytes when serialized as JSON`,
    );
  }
}

function isEmpty(value: string): boolean {
  return value === "null" || value === '""';
}
