/** `Marker` and `MaxItems` in, `NextMarker` out. */
import { invalidParameter, violates } from "./errors.ts";
import { lambdaLimits } from "./limits.ts";

/** How many are wanted at once. Throws `Refusal`. */
export function pageSize(query: URLSearchParams, max: number = lambdaLimits.page.max): number {
  const text = query.get("MaxItems");
  if (text === null) return lambdaLimits.page.default;
  const wanted = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (wanted < 1 || wanted > max) throw violates(text.slice(0, 60), "maxItems", `Member must have value between 1 and ${max}`);
  return Math.min(wanted, lambdaLimits.page.default);
}

/** What a marker says; undefined: there is none. Throws `Refusal`. */
export function markerIn(query: URLSearchParams): readonly (string | number | null)[] | undefined {
  const text = query.get("Marker");
  if (text === null || text === "") return undefined;
  try {
    const said: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    if (Array.isArray(said)) return said as (string | number | null)[];
  } catch {
    // As for JSON that is no marker of ours.
  }
  throw invalidParameter("The marker is not one that this server gave");
}

export function marker(...said: readonly (string | number | null)[]): string {
  return Buffer.from(JSON.stringify(said)).toString("base64url");
}

/** A part of a list that is in memory. */
export function slice<T>(
  items: readonly T[],
  query: URLSearchParams,
  max?: number,
): { readonly items: readonly T[]; readonly next: object } {
  const [skipped = 0] = markerIn(query) ?? [];
  if (typeof skipped !== "number" || !Number.isInteger(skipped) || skipped < 0)
    throw invalidParameter("The marker is not one that this server gave");
  const end = skipped + pageSize(query, max);
  return { items: items.slice(skipped, end), next: end < items.length ? { NextMarker: marker(end) } : {} };
}
