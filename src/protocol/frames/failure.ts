import { Breach } from "./heads.ts";

/** What an `error` or `failed` frame says. */
interface Failure {
  readonly type: string;
  readonly message: string;
  readonly stack: string | null;
}

/** What an error may carry; a stack is cut, as records and answers carry it on. */
const textBytesMax = 32 * 1024;

/** Throws `Breach`. */
export function readFailure(payload: Buffer, name: string): Failure {
  const { type, message, stack } = readJson(payload, name);
  return { type: textOf(type) ?? "", message: textOf(message) ?? "", stack: textOf(stack) };
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
