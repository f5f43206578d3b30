/** Functions by their names, as one of them names another. */

/** `app` null: in the null app. */
export interface FunctionName {
  readonly namespace: string;
  readonly app: string | null;
  readonly name: string;
}

/** What namespaces, apps and functions are called where others name them. */
export const entityName = /^\w(?:[\w@ .&-]*[\w@.&-])?$/;

/** Characters of such a name at most. */
export const entityNameCharactersMax = 256;

/** Stands for the namespace of whoever names something. */
export const ownNamespace = "_";

/** `namespace/[app/]name`. */
export function namedPath({ namespace, app, name }: FunctionName): string {
  return app === null ? `${namespace}/${name}` : `${namespace}/${app}/${name}`;
}

/**
 * What a text names: `/namespace/[app/]name`, `namespace/app/name`, or in `own` `[app/]name`; null where it is none of these.
 */
export function parseNamedPath(text: string, own: string): FunctionName | null {
  const isRooted = text.startsWith("/");
  const parts = text.split("/").filter((part) => part !== "");
  if (!parts.every(isEntityName)) return null;
  if (parts.length > 3 || parts.length < (isRooted ? 2 : 1)) return null;
  const hasNamespace = isRooted || parts.length === 3;
  const asked = hasNamespace ? parts.shift() : ownNamespace;
  const name = parts.pop() as string;
  return { namespace: asked === undefined || asked === ownNamespace ? own : asked, app: parts[0] ?? null, name };
}

function isEntityName(text: string): boolean {
  return text.length <= entityNameCharactersMax && entityName.test(text);
}
