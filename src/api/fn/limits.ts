/** Fn's own limits, narrower than the model's, and its grammars of names. Seconds and MB as on Fn's wire. */
import { limits } from "../../model/limits.ts";

export const fnLimits = {
  nameBytesMax: 255,
  memoryMb: { min: 1, max: 8192, default: 128 },
  timeoutSeconds: { min: 1, max: 300, default: 30 },
  idleTimeoutSeconds: { min: 1, max: 3600, default: 30 },
  annotations: { countMax: 100, keyBytesMax: 128, valueBytesMax: 512 },
  pathParameterBytesMax: 255,
  /** Body of a management request. */
  requestBytesMax: 1024 * 1024,
  /** Fn has no limit of its own here; this is the model's. */
  configBytesMax: limits.config.bytesMax,
  page: { default: 30, max: 100 },
} as const;

export const shapes: readonly string[] = ["", "GENERIC_X86", "GENERIC_ARM", "GENERIC_X86_ARM"];

/** What is wrong with a new name, or null. Functions have a grammar of their own: a name that needs no escape in a URL path. */
export function nameFault(name: string, grammar: "plain" | "url"): "missing" | "too long" | "invalid" | null {
  if (name === "") return "missing";
  if (Buffer.byteLength(name) > fnLimits.nameBytesMax) return "too long";
  return grammars[grammar].test(name) ? null : "invalid";
}

const grammars = {
  plain: /^[\p{L}\p{N}_-]+$/u,
  url: /^[A-Za-z0-9_.~$&+=:@-]+$/,
};

/** True for an id that may be looked up: 1 to 255 characters of printable ASCII. Anything else names nothing. */
export function isPathParameter(text: string): boolean {
  return text.length <= fnLimits.pathParameterBytesMax && /^[ -~]+$/.test(text);
}
