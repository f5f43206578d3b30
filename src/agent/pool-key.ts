import type { App, Fn } from "../model/model.ts";
import type { Pool } from "./pool.ts";

/** The identity of a sandbox: a revision of a function (as a call overrider changed it, if one did) and its app's settings. */
export function poolKey(fn: Fn, app: App | null): string {
  const { id, revision, variant } = fn;
  return `${id}:${variant === undefined ? revision : `${revision}~${variant}`}:${app?.revision ?? 0}`;
}

/** Of the same revision, made before the app's settings changed. Other revisions may share the calls. */
export function isOlder(pool: Pool, fn: Fn, key: string, app: App | null): boolean {
  return pool.fn.revision === fn.revision && Number(key.slice(key.lastIndexOf(":") + 1)) < (app?.revision ?? 0);
}
