/** What every kind of `exec` has in common. */
import { malformed, tooLarge } from "./errors.ts";
import { sizeLimits } from "./limits.ts";

/** An `exec` that can be run, its code not stored yet. */
export interface Exec {
  readonly kind: string;
  /** Only of an image null: it has its own. */
  readonly code: string | null;
  readonly binary: boolean;
  readonly main: string | null;
  /** Null: the kind's. */
  readonly image: string | null;
}

/** Throws `Refusal`. */
export function checkedCode(code: string): string {
  const bytes = Buffer.byteLength(code);
  if (bytes > sizeLimits.codeBytesMax) throw tooLarge("exec", bytes, sizeLimits.codeBytesMax);
  return code;
}

/** Throws `Refusal`. */
export function readMain(main: unknown, kind: string): string | null {
  if (main === undefined || main === null) return null;
  if (typeof main !== "string") throw malformed(`if defined, 'main' be a string in 'exec' for '${kind}' actions`);
  return main.trim() || null;
}

/** As OpenWhisk tells base64 from a program's text. */
export function isBinary(code: string): boolean {
  const text = code.trim();
  return text !== "" && text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
}
