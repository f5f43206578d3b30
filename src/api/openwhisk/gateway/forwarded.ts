/** A request as a web action gets it through an API. */
import { headersWithout } from "../../../http/headers.ts";
import type { HttpRequest, RequestNotes } from "../../../http/http.ts";
import type { Operation } from "./compile.ts";

/** Its head, which equal requests share. */
export interface Forward {
  readonly method: string;
  readonly target: string;
  readonly path: string;
  /** Names and values by turns. */
  readonly headers: readonly string[];
  /** For who calls the web action. */
  readonly notes: RequestNotes;
}

/** `path`: where the web action is. */
export function forwardOf(request: HttpRequest, { method, headers: added }: Operation, path: string): Forward {
  const set = ["X-Forwarded-Url", urlOf(request), ...added];
  const replaced = new Set(set.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase()));
  const headers = [...headersWithout(request.headers, replaced), ...set];
  const target = `${path}${request.target.slice(request.path.length)}`;
  return { method: method ?? request.method, target, path, headers, notes: { kept: undefined } };
}

/** What the caller asked for, as proxies before us tell it. */
function urlOf(request: HttpRequest): string {
  const told = (name: string) => request.header(`x-forwarded-${name}`) || undefined;
  const host = told("host") ?? request.header("host") ?? "";
  return `${told("proto") ?? "http"}://${host}${told("prefix") ?? ""}${told("uri") ?? request.target}`;
}
