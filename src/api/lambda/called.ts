/** Which revision a qualifier means. */
import type { Definition } from "../../invocation/definitions.ts";
import type { FunctionReference } from "../../invocation/invocation.ts";
import { asPlatformError } from "../../model/error.ts";
import type { FnNotes } from "../../model/fn-notes.ts";
import { functionNotFound } from "./errors.ts";
import type { LambdaContext } from "./lambda.ts";
import { arnOf, type LambdaName, latest, referenceOf, shownName } from "./names.ts";

/** What is called, and the number of its version. */
export interface Called {
  readonly target: FunctionReference;
  readonly version: string;
}

/** At once where nothing but the newest is meant, or what is needed is in memory. Throws or rejects with `Refusal`. */
export function calledBy(context: LambdaContext, namespace: string, named: LambdaName): Called | Promise<Called> {
  const target = referenceOf(named);
  if (named.qualifier === null || named.qualifier === latest) return { target, version: latest };
  const definition = context.definition(namespace, target);
  if (definition instanceof Promise)
    return definition.then(
      (found) => noted(context, named, found),
      (error: unknown) => Promise.reject(missing(context, named, error)),
    );
  return noted(context, named, definition);
}

function noted(context: LambdaContext, named: LambdaName, { fn }: Definition): Called | Promise<Called> {
  const notes = context.notes.of(fn);
  if (notes instanceof Promise) return notes.then((found) => chosen(context, named, found));
  return chosen(context, named, notes);
}

function chosen(context: LambdaContext, named: LambdaName, notes: FnNotes): Called {
  const target = referenceOf(named);
  const qualifier = named.qualifier ?? latest;
  const wanted = /^\d+$/.test(qualifier) ? Number(qualifier) : aliased(context, notes, qualifier);
  if (wanted === null) return { target, version: latest };
  const version = notes.versions.find((each) => each.version === wanted);
  if (version === undefined) throw functionNotFound(arnOf(context.identity, shownName(named.app, named.name), qualifier));
  return { target: { ...target, revision: version.revision }, version: String(version.version) };
}

/** The version that this call of an alias gets; null: the newest revision, undefined: there is no such alias. */
function aliased({ world }: LambdaContext, notes: FnNotes, name: string): number | null | undefined {
  const alias = notes.aliases.find((each) => each.name === name);
  if (alias === undefined) return undefined;
  return alias.other !== null && world.random() < alias.other.weight ? alias.other.version : alias.version;
}

/** A function that is not there, in this door's words. */
export function missing({ identity }: LambdaContext, { app, name, qualifier }: LambdaName, error: unknown): unknown {
  return asPlatformError(error).code === "not_found" ? functionNotFound(arnOf(identity, shownName(app, name), qualifier)) : error;
}
