/** Which functions are made of other functions' calls: `flow/` runs them. */
import type { Fn } from "./model.ts";

/** Annotation of a function whose code says, time after time, what is called next. */
const conductorKey = "conductor";

/** `sequence`: one function after the other; `conductor`: what its code says. Null: a call of it is its code alone. */
export function compositionOf({ source, annotations }: Pick<Fn, "source" | "annotations">): "sequence" | "conductor" | null {
  if (source.type === "sequence") return "sequence";
  const json = annotations[conductorKey];
  return json !== undefined && !untrue.test(json) ? "conductor" : null;
}

/** What counts as no. */
const untrue = /^(?:false|null|""|-?0(?:\.0*)?(?:[eE].*)?)$/;
