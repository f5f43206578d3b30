/** Cutting lists into pages, alike in every implementation. */
import type { Page } from "./store.ts";

/** A page from one item more than its limit, if there are so many; `cursor` names an item for `after`. */
export function toPage<T>(found: readonly T[], limit: number, cursor: (item: T) => string): Page<T> {
  if (found.length <= limit) return { items: found, next: null };
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, next: last === undefined ? null : cursor(last) };
}

/**
 * Routes of one app may share a name (they belong to different functions), so their cursor also carries the id where a page
 * ends between two of one name. No name contains the separator.
 */
const separator = "\u0000";

/** A page of named items of which several may have one name. */
export function toNamedPage<T extends { readonly name: string; readonly id: string }>(
  found: readonly T[],
  limit: number,
): Page<T> {
  const following = found[limit];
  return toPage(found, limit, (last) => (following?.name === last.name ? last.name + separator + last.id : last.name));
}

/** The position that a cursor of `toNamedPage` means: after all of that name, or after one id within it. */
export function parseNamedCursor(after: string | undefined): { readonly name: string; readonly id: string | null } {
  const [name = "", id = null] = (after ?? "").split(separator);
  return { name, id };
}
