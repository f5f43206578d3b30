/** What OpenWhisk says of an action and the model has no place for: one annotation of ours, which this door does not show. */
import type { Annotations, Fn } from "../../model/model.ts";

const key = "polykiln/openwhisk";

export interface Meta {
  readonly publish: boolean;
  /** The code was sent in base64. */
  readonly binary: boolean;
  /** Of the version: what its owner said, less the revision that it was said of. */
  readonly version: readonly [major: number, minor: number, patch: number];
}

const defaults: Meta = { publish: false, binary: false, version: [0, 0, 0] };

export function metaOf({ annotations }: Pick<Fn, "annotations">): Meta {
  const json = annotations[key];
  if (json === undefined) return defaults;
  try {
    return { ...defaults, ...(JSON.parse(json) as Partial<Meta>) };
  } catch {
    // Another door's clients can write what they like.
    return defaults;
  }
}

/** Without what is said anyway. */
export function withMeta(annotations: Annotations, meta: Meta): Annotations {
  const kept = withoutMeta(annotations);
  const said = Object.entries(meta).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(defaults[name as keyof Meta]),
  );
  return said.length === 0 ? kept : { ...kept, [key]: JSON.stringify(Object.fromEntries(said)) };
}

export function withoutMeta(annotations: Annotations): Annotations {
  if (annotations[key] === undefined) return annotations;
  const { [key]: _hidden, ...kept } = annotations;
  return kept;
}

/** The version that is shown: each revision is one step. */
export function versionOf({ version: [major, minor, patch] }: Pick<Meta, "version">, revision: number): string {
  return `${major}.${minor}.${Math.max(0, patch + revision)}`;
}

/** What to keep so that this revision has that version. */
export function versionAt([major, minor, patch]: Meta["version"], revision: number): Meta["version"] {
  return [major, minor, patch - revision];
}

/** For a next revision that is no step of the version. */
export function withSameVersion(annotations: Annotations): Annotations {
  const meta = metaOf({ annotations });
  const [major, minor, patch] = meta.version;
  return withMeta(annotations, { ...meta, version: [major, minor, patch - 1] });
}
