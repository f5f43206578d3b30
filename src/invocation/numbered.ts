import type { FnNotes } from "../model/fn-notes.ts";
import type { Fn } from "../model/model.ts";

/** A function as calls that name its revision run it: where that is a version, code is told so, and has sandboxes of its own. */
export function numbered(fn: Fn, notes: Pick<FnNotes, "versions"> | undefined): Fn {
  const version = notes?.versions.find(({ revision }) => revision === fn.revision)?.version;
  if (version === undefined) return fn;
  const variant = `v${version}`;
  return { ...fn, version, variant: fn.variant === undefined ? variant : `${fn.variant}~${variant}` };
}
