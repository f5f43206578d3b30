/** What goes wrong with functions, in Lambda's words: which a runtime says, and which the platform does. */
import { PlatformError } from "../../model/error.ts";

/** What is read of an error that a runtime tells. */
export const errorBytesMax = 256 * 1024;

/** Kinds of errors as runtimes name them; what is not one of them counts as unknown. */
const typeRule = /^(?:Runtime|Function)\.[A-Z][A-Za-z]{0,63}$/;

/** An error that a runtime told. `said`: its body; `header`: the type as the request's header has it. */
export function saidError(said: Buffer, header: string | undefined): PlatformError {
  const body = jsonOf(said);
  const { errorMessage, errorType, stackTrace } = (body?.value ?? {}) as Record<string, unknown>;
  const type = typeof errorType === "string" ? errorType : normalized(header);
  const message = typeof errorMessage === "string" ? errorMessage : "The function failed";
  const details = {
    type,
    ...(stackTrace === undefined ? {} : { stack: stackTrace }),
    ...(body === null ? {} : { body: body.text }),
  };
  return new PlatformError("function_failed", message === "" ? type : message, { details });
}

/** The same as it comes behind a response that was begun: in trailers, the body in base64. Null: the response is whole. */
export function trailedError(trailers: readonly string[]): PlatformError | null {
  let type: string | undefined;
  let body = "";
  for (let i = 0; i < trailers.length; i += 2) {
    const name = (trailers[i] as string).toLowerCase();
    if (name === "lambda-runtime-function-error-type") type = trailers[i + 1];
    else if (name === "lambda-runtime-function-error-body") body = trailers[i + 1] as string;
  }
  return type === undefined ? null : saidError(Buffer.from(body, "base64"), type);
}

/** A response that is longer than responses may be: the call fails, and the function goes on. */
export function responseTooLarge(bytesMax: number): PlatformError {
  const message = `Response payload size exceeded maximum allowed payload size (${bytesMax} bytes).`;
  return platformSaid("Function.ResponseSizeTooLarge", message);
}

/** A mode of responses that there is not. */
export function invalidMode(): PlatformError {
  return platformSaid("Runtime.InvalidResponseModeHeader", "The runtime asked for a response mode that is not known");
}

/** An error in the words of Lambda, as its callers read it. */
export function platformSaid(type: string, message: string): PlatformError {
  const body = JSON.stringify({ errorType: type, errorMessage: message });
  return new PlatformError("function_failed", message, { details: { type, body } });
}

function normalized(type: string | undefined): string {
  if (type === undefined) return "Function.Unknown";
  if (typeRule.test(type)) return type;
  return type.startsWith("Runtime.") ? "Runtime.Unknown" : "Function.Unknown";
}

function jsonOf(said: Buffer): { readonly text: string; readonly value: unknown } | null {
  const text = said.toString("utf8");
  try {
    return { text, value: JSON.parse(text) as unknown };
  } catch {
    return null;
  }
}
