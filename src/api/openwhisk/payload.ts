/** What a call is sent: its parameters. The code gets the bytes as they are (runtimes/), so this only looks. */
import type { Fn } from "../../model/model.ts";
import { malformed, reservedParameters, tooLarge } from "./errors.ts";
import { sizeLimits } from "./limits.ts";

/** What of an action's own parameters matters to its calls. */
interface Own {
  readonly bytes: number;
  /** Names that calls may not use; null: they may use all. */
  readonly final: ReadonlySet<string> | null;
}

const known = new WeakMap<Fn, Own>();

/** Throws `Refusal`. */
export function checkPayload(fn: Fn, bytes: Buffer): void {
  if (bytes.length === 0) return;
  const payload = payloadIn(bytes);
  const own = ownOf(fn);
  if (own.final !== null) for (const name of Object.keys(payload)) if (own.final.has(name)) throw reservedParameters();
  const together = bytes.length + own.bytes;
  if (together > sizeLimits.payloadBytesMax) throw tooLarge("Request", together, sizeLimits.payloadBytesMax);
}

/** Names of its parameters that calls may not use; null: they may use all. */
export function finalNames(fn: Fn): Own["final"] {
  return ownOf(fn).final;
}

/** The object that a body is. Throws `Refusal`. */
export function payloadIn(bytes: Buffer): object {
  let payload: unknown;
  try {
    payload = JSON.parse(bytes.toString());
  } catch (error) {
    throw malformed((error as Error).message);
  }
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) throw malformed("Object expected");
  return payload;
}

function ownOf(fn: Fn): Own {
  const found = known.get(fn);
  if (found !== undefined) return found;
  const names = Object.keys(fn.parameters);
  const bytes = names.length === 0 ? 0 : Buffer.byteLength(JSON.stringify(fn.parameters));
  const isFinal = fn.annotations["final"] === "true";
  const final = isFinal ? new Set(names.filter((name) => fn.parameters[name] !== null)) : null;
  const own = { bytes, final };
  known.set(fn, own);
  return own;
}
