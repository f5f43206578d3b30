/**
 * Names of functions, in each way in which Lambda's clients write them: NAME, NAME:QUALIFIER, ACCOUNT:function:NAME, and ARNs. A function of an app is
 * APP.NAME; Lambda's own names have no dot.
 */
import { entityName, entityNameCharactersMax } from "../../model/function-name.ts";
import type { FunctionReference } from "../../invocation/invocation.ts";
import { functionNotFound, invalidParameter, violates } from "./errors.ts";

/** Whose functions these are, as ARNs say. */
export interface Identity {
  readonly account: string;
  readonly region: string;
}

export interface LambdaName {
  readonly app: string | null;
  readonly name: string;
  /** Null: none was given. */
  readonly qualifier: string | null;
}

/** What is not a version with a number of its own. */
export const latest = "$LATEST";

const written =
  /^(?:arn:aws[a-z-]*:lambda:)?(?:([a-z]{2,8}(?:-[a-z]+)+-\d):)?(?:(\d{12}):)?(?:function:)?([^:]+)(?::(\$LATEST|[\w-]+))?$/;
const constraint =
  "Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?";

/** `segment`: of a path, as sent; `qualifier`: what the query says. Throws `Refusal`. */
export function nameIn(segment: string, qualifier: string | null, identity: Identity): LambdaName {
  const text = decoded(segment);
  const match = written.exec(text);
  const full = match?.[3] ?? "";
  if (match === null || !isName(full)) throw violates(text.slice(0, 200), "functionName", constraint);
  const [, region = identity.region, account = identity.account, , own] = match;
  if (region !== identity.region || account !== identity.account) throw functionNotFound(text);
  const dot = full.indexOf(".");
  const [app, name] = dot < 1 ? [null, full] : [full.slice(0, dot), full.slice(dot + 1)];
  return { app, name, qualifier: qualifierOf(own ?? null, qualifier) };
}

/** The one that a name has and the one beside it must be the same. */
function qualifierOf(own: string | null, given: string | null): string | null {
  if (given !== null && !/^(?:\$LATEST|[\w-]{1,128})$/.test(given))
    throw violates(given.slice(0, 200), "qualifier", "Member must satisfy regular expression pattern: (|[a-zA-Z0-9$_-]+)");
  if (own !== null && given !== null && own !== given)
    throw invalidParameter("The derived qualifier from the function name does not match the specified qualifier.");
  return own ?? given;
}

function isName(text: string): boolean {
  return text.length <= entityNameCharactersMax && entityName.test(text) && !text.endsWith(".");
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw violates(segment.slice(0, 200), "functionName", constraint);
  }
}

/** Of a new function. Throws `Refusal`. */
export function newName(given: unknown, identity: Identity): string {
  const text = typeof given === "string" ? given : "";
  const { app, name, qualifier } = nameIn(encodeURIComponent(text), null, identity);
  if (app !== null || qualifier !== null || !/^[\w-]{1,64}$/.test(name))
    throw violates(text.slice(0, 200), "functionName", constraint);
  return name;
}

/** As clients read it. */
export function shownName(app: string | null, name: string): string {
  return app === null ? name : `${app}.${name}`;
}

export function arnOf({ account, region }: Identity, name: string, qualifier: string | null = null): string {
  return `arn:aws:lambda:${region}:${account}:function:${name}${qualifier === null ? "" : `:${qualifier}`}`;
}

export function referenceOf({ app, name }: LambdaName): Extract<FunctionReference, { by: "name" }> {
  return { by: "name", app, name };
}
