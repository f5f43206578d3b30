import { type App, byNamespace, type Fn } from "../model/model.ts";
import type { EgressRules } from "./egress-rules.ts";
import type { Pool } from "./pool.ts";

/**
 * The identity of a sandbox: a revision of a function (as a binding or a call overrider changed it, if one did), whose calls it is for, and its app's
 * settings; and what its namespace lets it connect to, if that says so. No two namespaces share one, where they share the function.
 */
export function poolKey(fn: Fn, app: App | null, rules: Pick<EgressRules, "versionOf">): string {
  const { id, revision, variant, namespace, egress } = fn;
  const owner = egress === byNamespace ? `${namespace}~${rules.versionOf(namespace)}` : namespace;
  return `${id}:${variant === undefined ? revision : `${revision}~${variant}`}:${owner}:${app?.revision ?? 0}`;
}

/** Of the same revision, made before the app's settings changed. Other revisions may share the calls. */
export function isOlder(pool: Pool, fn: Fn, key: string, app: App | null): boolean {
  return pool.fn.revision === fn.revision && Number(key.slice(key.lastIndexOf(":") + 1)) < (app?.revision ?? 0);
}
