/** What Lambda says of a function and the model has no place for: one annotation of ours, which is no tag. */
import type { Annotations, Fn } from "../../model/model.ts";
import type { Logging } from "./logging.ts";

const key = "polykiln/lambda";
const descriptionKey = "description";

export interface Meta {
  /** As its owner named it; the kind may be another version. */
  readonly runtime?: string;
  readonly role?: string;
  /** Of its code, as it was sent. */
  readonly codeBytes?: number;
  readonly architecture?: string;
  readonly logging?: Logging;
  /** X-Ray's mode: kept and shown. */
  readonly tracing?: string;
  /** What becomes of its events was set through this door. */
  readonly eventInvoke?: true;
}

export function metaOf({ annotations }: Pick<Fn, "annotations">): Meta {
  return (parsed(annotations[key]) ?? {}) as Meta;
}

export function withMeta(annotations: Annotations, meta: Meta): Annotations {
  return { ...annotations, [key]: JSON.stringify(meta) };
}

/** The annotation that OpenWhisk's clients show, too. */
export function descriptionOf({ annotations }: Pick<Fn, "annotations">): string {
  const said = parsed(annotations[descriptionKey]);
  return typeof said === "string" ? said : "";
}

export function withDescription(annotations: Annotations, description: string): Annotations {
  const { [descriptionKey]: _before, ...others } = annotations;
  return description === "" ? others : { ...others, [descriptionKey]: JSON.stringify(description) };
}

/** Other doors' clients can write what they like. */
function parsed(json: string | undefined): unknown {
  try {
    return json === undefined ? undefined : JSON.parse(json);
  } catch {
    return undefined;
  }
}
