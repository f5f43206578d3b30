/** The refusals of every implementation, in one wording. A refusal is data here: one implementation throws it, another sends it to its engine. */
import type { ErrorCode } from "../model/error.ts";
import { PlatformError } from "../model/error.ts";

/** What cannot be done and why, safe to show. */
export interface StoreRefusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** The nouns that can be missing or taken. */
export type Noun = "Namespace" | "Key" | "App" | "Function" | "Route" | "Trigger" | "Rule" | "Schedule" | "API" | "Layer";

/** `key`: the id, or the name of a namespace. */
export function missing(noun: Noun, key: string): StoreRefusal {
  return { code: "not_found", message: `${noun} ${key} does not exist`, details: { noun, key } };
}

/** `name`: what must be unique and is not. */
export function taken(noun: Noun, name: string): StoreRefusal {
  return { code: "conflict", message: `${noun} ${name} exists already`, details: { noun, name, reason: "taken" } };
}

/** Somebody else changed it since it was read. */
export function stale(noun: Noun, name: string, revision: number): StoreRefusal {
  return {
    code: "conflict",
    message: `${noun} ${name} was changed meanwhile: read it again and repeat the change`,
    details: { noun, name, revision, reason: "stale" },
  };
}

/** The `after` of a page names a record that is not there. */
export function unknownCursor(id: string): StoreRefusal {
  return { code: "invalid", message: `The page cannot start after ${id}: there is no such record`, details: { after: id } };
}

/** Of a function: never deployed, or too long ago to be kept. */
export function missingRevision(revision: number): StoreRefusal {
  return { code: "invalid", message: `Revision ${revision} is not kept: see the list of revisions`, details: { revision } };
}

/** Of a function: a version of its notes is a revision that was never deployed, or too long ago to be kept. */
export function missingVersion(functionId: string): StoreRefusal {
  return {
    code: "invalid",
    message: `A version of function ${functionId} is a revision that is not kept`,
    details: { functionId },
  };
}

/** Somebody else changed what is said about the function since it was read. */
export function staleNotes(functionId: string, revision: number): StoreRefusal {
  return {
    code: "conflict",
    message: `What is said about function ${functionId} was changed meanwhile: read it again and repeat the change`,
    details: { functionId, revision, reason: "stale" },
  };
}

/** `appId`: of an app that stands for another one. */
export function functionInBinding(appId: string): StoreRefusal {
  return {
    code: "invalid",
    message: `App ${appId} is a binding of another one and has no functions of its own: make it in that app`,
    details: { noun: "App", key: appId, reason: "binding" },
  };
}

/** The refusal as the error callers get. */
export function refuse(refusal: StoreRefusal): PlatformError {
  return new PlatformError(refusal.code, refusal.message, { details: refusal.details });
}
