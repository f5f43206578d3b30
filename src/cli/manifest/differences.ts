import { isDeepStrictEqual } from "node:util";
import { managedKey, projectOf } from "./managed.ts";
import type { Values } from "./manifest.ts";

/** Names of what is not as it is wanted, behind that of the whole: `parameters.amount`. Values may be secret. */
export function different(whole: string, wanted: Values, stored: Values): string[] {
  return [...new Set([...Object.keys(wanted), ...Object.keys(stored)])]
    .filter((key) => !isDeepStrictEqual(plain(wanted[key]), plain(stored[key])))
    .map((key) => `${whole}.${key}`);
}

/** Of annotations: a project marks what it made, and with which manifest is no difference. What the server says itself is none either. */
export function differentAnnotations(wanted: Values, stored: Values): string[] {
  const project = projectOf(wanted);
  const isOwn = project === projectOf(stored);
  const ignored = (key: string) =>
    (key === managedKey && isOwn) || (serverKeys.has(key) && !Object.hasOwn(wanted, key)) || key === "exec";
  const without = (values: Values) => Object.fromEntries(Object.entries(values).filter(([key]) => !ignored(key)));
  return different("annotations", without(wanted), without(stored));
}

/** Annotations that the server makes, `exec` aside, which nobody else can. */
const serverKeys: ReadonlySet<string> = new Set(["provide-api-key", "binding"]);

/** Keys that are stored and wanted no more. */
export function goneAnnotations(wanted: Values, stored: Values): string[] {
  return differentAnnotations(wanted, stored)
    .map((name) => name.slice("annotations.".length))
    .filter((key) => !Object.hasOwn(wanted, key));
}

/** `1`, `1.0` and `1.0.0` are one version; null: any. */
export function differentVersion(wanted: string | null, stored: string): string[] {
  if (wanted === null) return [];
  const parts = wanted.split(".");
  const whole = [0, 1, 2].map((i) => Number(parts[i] ?? 0)).join(".");
  return whole === stored ? [] : ["version"];
}

function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
