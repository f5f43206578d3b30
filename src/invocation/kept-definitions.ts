/** What is known of the functions of one namespace, by how they are asked for. */
import type { App } from "../model/model.ts";
import type { Definition } from "./definitions.ts";
import type { FunctionReference } from "./invocation.ts";

/** What is kept under a reference: the definition, or those that share its calls. */
export interface Entry {
  readonly definition: Definition;
  readonly shares: readonly { readonly definition: Definition; readonly weight: number }[];
  readonly weightTotal: number;
}

/** Of one namespace, as of one moment. */
export interface Kept {
  readonly entries: Map<string, Entry>;
  /** The entries of each function. */
  readonly keys: Map<string, Set<string>>;
  /** How often something in it changed: what was begun to be read before may be old. */
  changes: number;
  /** Under paths below a route's prefix: there are as many as callers make up, and they must not push out the others. */
  readonly prefixed: Map<string, Entry>;
  /** By id, so that the first call of a function whose app was called before reads one row. */
  readonly apps: Map<string, App>;
}

/** Entries of one namespace that are kept; beyond it the oldest goes. */
export const entriesMax = 10_000;
const prefixedMax = 1000;

export function noneKept(): Kept {
  return { entries: new Map(), keys: new Map(), changes: 0, prefixed: new Map(), apps: new Map() };
}

export function remember(kept: Kept, reference: FunctionReference, entry: Entry): void {
  const { entries, keys, prefixed } = kept;
  const key = keyOf(reference);
  if (reference.by === "route" && entry.definition.route?.source !== reference.source) {
    if (prefixed.size >= prefixedMax) prefixed.clear();
    prefixed.set(key, entry);
    return;
  }
  const [oldest] = entries.size >= entriesMax ? entries : [];
  if (oldest !== undefined) {
    entries.delete(oldest[0]);
    forget(keys, oldest[1].definition.fn.id, oldest[0]);
  }
  entries.set(key, entry);
  const { id } = entry.definition.fn;
  const known = keys.get(id);
  if (known === undefined) keys.set(id, new Set([key]));
  else known.add(key);
}

function forget(keys: Map<string, Set<string>>, functionId: string, key: string): void {
  const known = keys.get(functionId);
  known?.delete(key);
  if (known?.size === 0) keys.delete(functionId);
}

export function keyOf(reference: FunctionReference): string {
  switch (reference.by) {
    case "id": {
      const { functionId, revision, share } = reference;
      const key = revision === undefined ? functionId : `${functionId}\n${revision}`;
      return share === undefined ? key : `s\n${share.provider ?? ""}\n${share.binding ?? ""}\n${key}`;
    }
    case "name":
      if (reference.provider !== undefined)
        return `f\n${reference.provider}\n${reference.app ?? ""}\n${reference.name}\n${reference.revision ?? ""}`;
      return `n\n${reference.app ?? ""}\n${reference.app === null ? "" : "a"}\n${reference.name}${reference.revision === undefined ? "" : `\n${reference.revision}`}`;
    case "route":
      return `r\n${reference.app}\n${reference.source}`;
    case "path":
      return `p\n${reference.app}\n${reference.path}`;
  }
}
