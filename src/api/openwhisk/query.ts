/** Query parameters of lists, and flags. */
import { badRequest, malformedQuery } from "./errors.ts";
import { listLimits } from "./limits.ts";

export interface ListQuery {
  readonly skip: number;
  readonly limit: number;
  /** Only how many there are is asked. */
  readonly count: boolean;
}

/** Throws `Refusal`, which names the collection. */
export function listQuery(query: URLSearchParams, collection: string): ListQuery {
  const limit = whole(query, "limit", collection) ?? listLimits.default;
  if (limit < 0 || limit > listLimits.max)
    throw malformedQuery("limit", `The value '${limit}' is not in the range of 0 to ${listLimits.max} for ${collection}.`);
  const skip = whole(query, "skip", collection) ?? 0;
  if (skip < 0) throw malformedQuery("skip", `The value '${skip}' is not greater than or equal to 0 for ${collection}.`);
  return { skip, limit: limit === 0 ? listLimits.max : limit, count: flag(query, "count") };
}

function whole(query: URLSearchParams, name: string, collection: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (/^[+-]?\d{1,15}$/.test(text)) return Number(text);
  throw malformedQuery(name, `The value '${text}' is not an integer for ${collection}.`);
}

/** Throws `Refusal`. */
export function flag(query: URLSearchParams, name: string, otherwise = false): boolean {
  const text = query.get(name)?.toLowerCase();
  if (text === undefined) return otherwise;
  if (["true", "yes", "on"].includes(text)) return true;
  if (["false", "no", "off", ""].includes(text)) return false;
  throw malformedQuery(name, `'${text}' is not a valid Boolean value`);
}

/** Milliseconds since the epoch, as digits. Throws `Refusal`. */
export function instant(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw malformedQuery(name, `Parameter is not a valid value for epoch seconds: ${text}`);
}

/** An action that activations are of: its name, or its package's and its own. Throws `Refusal`. */
export function actionNamed(query: URLSearchParams): { readonly pkg: string | null; readonly name: string } | undefined {
  const text = query.get("name") ?? "";
  if (text === "") return undefined;
  const parts = text.split("/");
  if (parts.length > 2 || parts.some((part) => part === ""))
    throw malformedQuery("name", `Parameter may be a 'simple' name or 'package-name/simple' name: ${text}`);
  const [first = "", second] = parts;
  return second === undefined ? { pkg: null, name: first } : { pkg: first, name: second };
}

export const docsWithCount = () => badRequest("The parameter 'docs' is not permitted with 'count'.");
