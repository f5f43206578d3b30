/**
 * Names of layers and their versions. Those of the caller's namespace are NAME, those of others NAMESPACE.NAME: Lambda's own names have no dots, and its
 * accounts, of which there is one here, tell ours apart no more than our functions' ARNs do.
 */
import { notFound, violates } from "../errors.ts";
import type { Exchange } from "../exchange.ts";
import type { Identity } from "../names.ts";

export interface LayerName {
  readonly namespace: string;
  readonly name: string;
}

const namePattern = /^(?:([^.:\s]{1,255})\.)?([\w-]{1,140})$/;
const arnPattern = /^arn:aws[a-z-]*:lambda:([a-z0-9-]+):(\d{12}):layer:([^:]+)(?::(\d{1,15}))?$/;
const constraint =
  "Member must satisfy regular expression pattern: (arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\\d{12}:layer:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+";
const arnConstraint =
  "Member must satisfy regular expression pattern: arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+";

/** `text`: a name or an ARN, as clients write it. Throws `Refusal`. */
export function layerNameIn(text: string, own: string, { account, region }: Identity): LayerName {
  const arn = arnPattern.exec(text);
  const match = namePattern.exec(arn?.[3] ?? text);
  if (match === null || arn?.[4] !== undefined) throw violates(text.slice(0, 200), "layerName", constraint);
  if (arn !== null && (arn[1] !== region || arn[2] !== account)) throw notFound("The resource you requested does not exist.");
  return { namespace: match[1] ?? own, name: match[2] as string };
}

/** An ARN of a version; null: it is of another region or account, where nothing is. Throws `Refusal` for what is none. */
export function layerVersionIn(
  text: string,
  own: string,
  { account, region }: Identity,
): (LayerName & { readonly version: number }) | null {
  const arn = arnPattern.exec(text);
  const match = namePattern.exec(arn?.[3] ?? "");
  if (arn === null || match === null || arn[4] === undefined) throw violates(text.slice(0, 200), "layers", arnConstraint);
  if (arn[1] !== region || arn[2] !== account) return null;
  return { namespace: match[1] ?? own, name: match[2] as string, version: Number(arn[4]) };
}

/** As a caller of the namespace `own` reads it. */
export function layerArn({ account, region }: Identity, { namespace, name }: LayerName, own: string): string {
  return `arn:aws:lambda:${region}:${account}:layer:${namespace === own ? "" : `${namespace}.`}${name}`;
}

/** What the path names. Throws `Refusal`. */
export function layerOf({ parts, namespace, context }: Exchange): LayerName {
  return layerNameIn(parts["layer"] ?? "", namespace, context.identity);
}

/** The version that the path names. Throws `Refusal`. */
export function versionOf({ parts }: Exchange): number {
  const text = parts["version"] ?? "";
  if (!/^\d{1,15}$/.test(text)) throw violates(text.slice(0, 60), "versionNumber", "Member must be a whole number");
  return Number(text);
}
