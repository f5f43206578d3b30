/** Names as they stand in paths: their grammar is looked at before anything else. */
import { illegalName, illegalNamespace, longName, longNamespace } from "./errors.ts";
import { sizeLimits } from "./limits.ts";

/** Who asks may write this for their own namespace. */
export const ownNamespace = "_";

const grammar = /^\w(?:[\w@ .&-]*[\w@.&-])?$/;

/** A segment of a path as the name of an entity. Throws `Refusal`. */
export function nameIn(segment: string): string {
  const name = decoded(segment, illegalName);
  if (name.length > sizeLimits.nameCharactersMax) throw longName(name.length, sizeLimits.nameCharactersMax);
  if (!grammar.test(name)) throw illegalName();
  return name;
}

/** A segment of a path as a namespace, which `_` may stand for. Throws `Refusal`. */
export function namespaceIn(segment: string): string {
  const name = decoded(segment, illegalNamespace);
  if (name.length > sizeLimits.nameCharactersMax) throw longNamespace(name.length, sizeLimits.nameCharactersMax);
  if (!grammar.test(name)) throw illegalNamespace();
  return name;
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
