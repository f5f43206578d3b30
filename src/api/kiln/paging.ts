import { PlatformError } from "../../model/error.ts";
import { limits } from "../../model/limits.ts";
import type { Page, PageRequest } from "../../store/store.ts";

/** A page as the store wants it. Cursors are opaque to callers: the store's `after`, encoded. */
export function pageRequest(query: { readonly limit?: number; readonly cursor?: string }): PageRequest {
  return {
    limit: query.limit ?? limits.listPage.default,
    after: query.cursor === undefined ? undefined : decodeCursor(query.cursor),
  };
}

export function renderPage<T, U>(page: Page<T>, render: (item: T) => U): { items: U[]; nextCursor: string | null } {
  return { items: page.items.map(render), nextCursor: page.next === null ? null : encodeCursor(page.next) };
}

/** What callers get of an `after`. */
export function encodeCursor(after: string): string {
  return Buffer.from(after, "utf8").toString("base64url");
}

/** Throws `invalid` when it is none of ours. */
export function decodeCursor(cursor: string): string {
  const after = Buffer.from(cursor, "base64url").toString("utf8");
  if (after === "" || encodeCursor(after) !== cursor) {
    throw new PlatformError("invalid", "query cursor is not the nextCursor of a page", { details: { field: "cursor" } });
  }
  return after;
}
