import { Breach } from "./heads.ts";

/** What an `error` or `failed` frame says. */
interface Failure {
  readonly type: string;
  readonly message: string;
  readonly stack: string | null;
  /** The whole error as the code's convention has it, JSON; null: it says no more than the above. */
  readonly body: string | null;
}

/** What an error may carry; a stack is cut, as records and answers carry it on. */
const textBytesMax = 32 * 1024;

/** A longer one is left out: cut, it would be no JSON. */
const bodyCharactersMax = 512 * 1024;

/** Throws `Breach`. */
export function readFailure(payload: Buffer, name: string): Failure {
  const { type, message, stack, body } = readJson(payload, name);
  return { type: textOf(type) ?? "", message: textOf(message) ?? "", stack: textOf(stack), body: bodyOf(body) };
}

/** For the details of a `PlatformError`. */
export function detailsOf({ type, stack, body }: Failure): Readonly<Record<string, unknown>> {
  return { type, stack, ...(body === null ? {} : { body }) };
}

function bodyOf(value: unknown): string | null {
  return typeof value === "string" && value.length <= bodyCharactersMax ? value : null;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value.slice(0, textBytesMax) : null;
}

/** The object in the payload of a frame with this name. Throws `Breach`. */
export function readJson(payload: Buffer, name: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(payload.toString());
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // The same to the code as JSON of another shape.
  }
  throw new Breach(`${name === "error" ? "an" : "a"} ${name} frame that is no JSON object`);
}
