/**
 * Reads request bodies by the rules of Go's JSON decoder, which clients of Fn rely on: field names in any letter case, null is
 * absent, unknown fields are ignored, a value of the wrong type is "Invalid JSON", and so is a body without a value; what
 * follows the first value is ignored. Of a repeated field the last one counts; repeated maps are united.
 */
import { firstJsonValue, jsonMembers } from "../../lib/json-text.ts";
import { invalidJson } from "./errors.ts";

/** Reads one field. `before` is what an earlier member of the same name gave. Undefined: absent. */
export interface Decoder<T> {
  decode(text: string, before: T | undefined): T | undefined;
}

type Decoders = Readonly<Record<string, Decoder<unknown>>>;

/** The fields of a body, by their names on the wire. */
export type Decoded<D extends Decoders> = { readonly [Name in keyof D]?: D[Name] extends Decoder<infer T> ? T : never };

/** The fields of a body that `decoders` knows. Throws `invalid` "Invalid JSON". */
export function decodeBody<D extends Decoders>(body: Buffer, decoders: D): Decoded<D> {
  const fields = new Map<string, unknown>();
  for (const [name, text] of membersOf(firstJsonValue(body.toString("utf8")))) {
    const field = foldName(name);
    const decoder = Object.hasOwn(decoders, field) ? decoders[field] : undefined;
    if (decoder !== undefined) fields.set(field, decoder.decode(text, fields.get(field)));
  }
  return Object.fromEntries(fields) as Decoded<D>;
}

/** Null in the place of a string or a number changes nothing, as in Go. */
export const string: Decoder<string> = {
  decode: (text, before) => (text === "null" ? before : decodeString(text)),
};

/** A string that can be taken back by a later null. */
export const nullableString: Decoder<string> = {
  decode: (text) => (text === "null" ? undefined : decodeString(text)),
};

export const int32: Decoder<number> = wholeNumber(/^-?\d+$/, -(2n ** 31n), 2n ** 31n - 1n);
/** Above 2^53 the number is only roughly kept, which is enough to refuse it. */
export const uint64: Decoder<number> = wholeNumber(/^\d+$/, 0n, 2n ** 64n - 1n);

/** Go's time zero, in milliseconds since the epoch: a client written in Go sends it for a time that it does not have. */
const zeroTimeMs = Date.parse("0001-01-01T00:00:00Z");

/** A time whose value nobody uses; time zero is none. */
export const time: Decoder<string> = {
  decode(text, before) {
    if (text === "null") return before;
    const value = decodeString(text);
    if (value !== "" && !isTime(value)) throw invalidJson();
    return Date.parse(value) === zeroTimeMs ? undefined : value;
  },
};

/** String values; null as a value is the empty string. */
export const stringMap: Decoder<ReadonlyMap<string, string>> = {
  decode: (text, before) => decodeMap(text, before, (value) => (value === "null" ? "" : decodeString(value))),
};

/** Values of any type, kept as compact JSON text. */
export const rawMap: Decoder<ReadonlyMap<string, string>> = {
  decode: (text, before) => decodeMap(text, before, (value) => value),
};

function decodeMap(
  text: string,
  before: ReadonlyMap<string, string> | undefined,
  value: (text: string) => string,
): ReadonlyMap<string, string> | undefined {
  if (text === "null") return undefined;
  const map = new Map(before);
  for (const [name, member] of membersOf(text)) map.set(name.toWellFormed(), value(member));
  return map;
}

function decodeString(text: string): string {
  if (!text.startsWith('"')) throw invalidJson();
  return (JSON.parse(text) as string).toWellFormed();
}

function wholeNumber(grammar: RegExp, min: bigint, max: bigint): Decoder<number> {
  return {
    decode(text, before) {
      if (text === "null") return before;
      // The length keeps BigInt away from a megabyte of digits.
      if (!grammar.test(text) || text.length > 20) throw invalidJson();
      const value = BigInt(text);
      if (value < min || value > max) throw invalidJson();
      return Number(value);
    },
  };
}

function membersOf(text: string | undefined): [name: string, text: string][] {
  if (text === "null") return [];
  if (text === undefined || !text.startsWith("{")) throw invalidJson();
  return jsonMembers(text);
}

/** Folds letter case as Go does: besides A to Z, the Kelvin sign and the long s stand for k and s. */
function foldName(name: string): string {
  return name.replaceAll("\u212a", "k").replaceAll("\u017f", "s").toLowerCase();
}

function isTime(value: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value) && !Number.isNaN(Date.parse(value));
}
