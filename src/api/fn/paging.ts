/** Fn's pages: `per_page`, and a cursor that is the URL-safe base64, without padding, of the last item's name; of a call its id. */
import type { Page, PageRequest } from "../../store/store.ts";
import { invalid } from "./errors.ts";
import { fnLimits } from "./limits.ts";

/** The page that a query asks for. Throws `invalid` for a cursor that none of our answers held. */
export function pageOf(query: URLSearchParams): PageRequest {
  return { limit: perPage(query.get("per_page") ?? ""), after: decodeCursor(query.get("cursor") ?? "") };
}

/**
 * Present only when the page is exactly full, so the last full page is followed by an empty one, which the store's own `next`
 * does not offer. Where the store has one it is taken: it also knows how to go on within several routes of one name.
 */
export function nextCursor({ items, next }: Page<{ readonly name: string }>, { limit }: PageRequest): string | undefined {
  const last = items.at(-1);
  if (last === undefined || items.length < limit) return undefined;
  return encodeCursor(next ?? last.name);
}

/** A cursor, from what identifies the last item of a page. */
export function encodeCursor(last: string): string {
  return Buffer.from(last).toString("base64url");
}

/** The page of a list that a filter by name has narrowed to at most one item. */
export function pageOfOne<T extends { readonly name: string }>(item: T | undefined, { after }: PageRequest): Page<T> {
  if (item === undefined) return { items: [], next: null };
  const isBehind = after === undefined || Buffer.compare(Buffer.from(item.name), Buffer.from(after)) > 0;
  return { items: isBehind ? [item] : [], next: null };
}

function perPage(text: string): number {
  const wanted = /^[+-]?\d+$/.test(text) ? Number(text) : 0;
  return wanted <= 0 ? fnLimits.page.default : Math.min(wanted, fnLimits.page.max);
}

function decodeCursor(cursor: string): string | undefined {
  if (cursor === "") return undefined;
  const isBase64 = /^[A-Za-z0-9_-]+$/.test(cursor) && cursor.length % 4 !== 1;
  try {
    if (isBase64) return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(cursor, "base64url"));
  } catch {
    // Not the bytes of a name: refused below like any other broken cursor.
  }
  throw invalid("Invalid cursor");
}
