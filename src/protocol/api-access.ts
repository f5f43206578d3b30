/** How code comes by the platform's own API: what the protocols that tell it so share. */
import type { Annotations, Fn } from "../model/model.ts";

/** Handed in by whoever assembles the platform. */
export interface ApiAccess {
  /** Where code of this function finds it; empty while nobody listens. */
  url(fn: Fn): string;
  /** `<key id>:<secret>` of this namespace, for its code. */
  keyOf(namespace: string): string;
}

export const noApi: ApiAccess = { url: () => "", keyOf: () => "" };

/** The key for code that is to have one; null: it gets none. */
export function apiKeyOf(fn: Pick<Fn, "annotations" | "namespace">, api: ApiAccess): string | null {
  return wantsApi(fn.annotations) ? api.keyOf(fn.namespace) || null : null;
}

/** Its owner says so, by OpenWhisk's annotation. Where nothing is said code gets no key: whoever makes actions always says something. */
export function wantsApi(annotations: Annotations): boolean {
  const said = annotations["provide-api-key"];
  return said !== undefined && !["false", "0", "null", '""'].includes(said);
}
