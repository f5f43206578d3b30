/** Names as they stand in paths: their grammar is looked at before anything else. */
import { entityName as grammar, type FunctionName, ownNamespace } from "../../model/function-name.ts";
import { illegalName, illegalNamespace, longName, longNamespace, malformed } from "./errors.ts";
import { sizeLimits } from "./limits.ts";

export { ownNamespace };

/** A segment of a path as the name of an entity. Throws `Refusal`. */
export function nameIn(segment: string): string {
  return nameOf(decoded(segment, illegalName));
}

/** The name of an entity in a body. Throws `Refusal`. */
export function nameOf(name: string): string {
  if (name.length > sizeLimits.nameCharactersMax) throw longName(name.length, sizeLimits.nameCharactersMax);
  if (!grammar.test(name)) throw illegalName();
  return name;
}

/** A segment of a path as a namespace, which `_` may stand for. Throws `Refusal`. */
export function namespaceIn(segment: string): string {
  return namespaceOf(decoded(segment, illegalNamespace));
}

/** The same in a body. Throws `Refusal`. */
export function namespaceOf(name: string): string {
  if (name.length > sizeLimits.nameCharactersMax) throw longNamespace(name.length, sizeLimits.nameCharactersMax);
  if (!grammar.test(name)) throw illegalNamespace();
  return name;
}

/** Whether a text is a name, or several with slashes between them. */
export function isNamePath(text: string): boolean {
  const segments = text.split("/").filter((segment) => segment !== "");
  return segments.length > 0 && segments.every((segment) => grammar.test(segment));
}

/** What a body means by `/namespace/[package/]name`, or by `{path, name}`, where `_` is the namespace of who asks. Throws `Refusal`. */
export function referenceOf(given: unknown, own: string): FunctionName {
  const text = pathIn(given);
  const segments = text.split("/").filter((segment) => segment !== "");
  if (segments.length < 2 || segments.length > 3) throw unqualified();
  const owner = namespaceOf(segments[0] as string);
  const name = nameOf(segments.at(-1) as string);
  return {
    namespace: owner === ownNamespace ? own : owner,
    app: segments.length === 3 ? nameOf(segments[1] as string) : null,
    name,
  };
}

function pathIn(given: unknown): string {
  if (typeof given === "string") return given;
  if (typeof given !== "object" || given === null) throw unqualified();
  const { path, name } = given as Readonly<Record<string, unknown>>;
  if (typeof path !== "string" || typeof name !== "string") throw unqualified();
  return `${path}/${name}`;
}

function unqualified(): Error {
  return malformed(
    "requirement failed: The fully qualified name of the entity must contain at least the namespace and the name of the entity.",
  );
}

function decoded(segment: string, refusal: () => Error): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    throw refusal();
  }
}

/** An action by its package, null for the default one, and its name. */
export interface ActionName {
  readonly pkg: string | null;
  readonly name: string;
}

/** As `package/action`. */
export function pathOf({ pkg, name }: ActionName): string {
  return pkg === null ? name : `${pkg}/${name}`;
}
