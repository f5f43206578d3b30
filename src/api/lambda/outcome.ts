/** What a call came to, as its caller reads it: a payload, and whether that is an error of the function. */
import { headerOf } from "../../http/headers.ts";
import type { PlatformError } from "../../model/error.ts";
import { idToUuid } from "../../model/id.ts";
import type { Fn, ProtocolName } from "../../model/model.ts";
import { lambdaLimits } from "./limits.ts";

export interface Outcome {
  readonly payload: Buffer;
  readonly isError: boolean;
}

/**
 * Of an answer. JSON goes through as the code wrote it; text is a string of JSON, and nothing `null`. What a runtime of Lambda's posted is a payload whatever
 * it called it.
 */
export function answered(status: number, headers: readonly string[], body: Buffer, protocol: ProtocolName = "frames"): Outcome {
  if (body.length > lambdaLimits.responseBytesMax) return tooLong(body.length);
  if (protocol === "runtime-api") return { payload: body, isError: false };
  return { payload: payloadOf(headerOf(headers, "content-type"), body), isError: status >= failureFrom };
}

const failureFrom = 400;
const nothing = Buffer.from("null");

function payloadOf(type: string | undefined, body: Buffer): Buffer {
  if (body.length === 0) return nothing;
  return type?.startsWith("text/") === true ? Buffer.from(JSON.stringify(body.toString())) : body;
}

function tooLong(bytes: number): Outcome {
  return said({
    errorMessage: `Response payload size (${bytes} bytes) exceeded maximum allowed payload size (${lambdaLimits.responseBytesMax} bytes).`,
    errorType: "Function.ResponseSizeTooLarge",
  });
}

/** Of a call without an answer; null: it is no fault of the function's. `id`: of the activation. */
export function failed(error: PlatformError, fn: Fn | null, id: string | null): Outcome | null {
  const { code, message, details } = error;
  const request = id === null ? "" : `RequestId: ${idToUuid(id)} Error: `;
  switch (code) {
    case "function_failed":
      return ownError(error, fn);
    case "function_start_failed":
      return typeof details["body"] === "string"
        ? raw(details["body"])
        : said({ errorType: typeIn(error, "Runtime.InitError"), errorMessage: message });
    case "function_exited":
      return said({ errorType: "Runtime.ExitError", errorMessage: `${request}${exitText(error)}` });
    case "function_out_of_memory":
      return said({ errorType: "Runtime.OutOfMemory", errorMessage: `${request}${message}` });
    case "function_protocol":
      return said({ errorType: "Runtime.Unknown", errorMessage: `${request}${message}` });
    case "response_too_large":
      return said({ errorType: "Function.ResponseSizeTooLarge", errorMessage: message });
    case "timeout":
    case "start_timeout": {
      const seconds = ((fn?.timeoutMs ?? 0) / 1000).toFixed(2);
      const what = code === "timeout" ? `Task timed out after ${seconds} seconds` : message;
      return said({ errorType: "Sandbox.Timedout", errorMessage: `${request}${what}` });
    }
    case "cancelled":
      return said({ errorType: "Sandbox.Failure", errorMessage: `${request}${message}` });
    default:
      return null;
  }
}

/** How a runtime ended, as Lambda says it. */
function exitText({ details, message }: PlatformError): string {
  const { exitCode, signal } = details;
  if (typeof signal === "string") return `Runtime exited with error: signal: ${signalTexts[signal] ?? signal}`;
  if (typeof exitCode !== "number") return message;
  return exitCode === 0 ? "Runtime exited without providing a reason" : `Runtime exited with error: exit status ${exitCode}`;
}

const signalTexts: Readonly<Record<string, string>> = {
  SIGKILL: "killed",
  SIGSEGV: "segmentation fault",
  SIGABRT: "aborted",
  SIGTERM: "terminated",
  SIGBUS: "bus error",
};

/** What the code threw, as its runtime says it. */
function ownError(error: PlatformError, fn: Fn | null): Outcome {
  const { body, stack } = error.details;
  if (typeof body === "string") return raw(body);
  const lines = typeof stack === "string" ? stack.split("\n") : [];
  const isNode = fn?.source.type === "code" && fn.source.kind.startsWith("nodejs:");
  const trace = isNode ? { trace: lines } : { stackTrace: lines };
  return said({ errorType: typeIn(error, "Error"), errorMessage: error.message, ...trace });
}

function typeIn({ details }: PlatformError, other: string): string {
  const { type } = details;
  return typeof type === "string" && type !== "" ? type : other;
}

function raw(json: string): Outcome {
  return { payload: Buffer.from(json), isError: true };
}

function said(value: object): Outcome {
  return raw(JSON.stringify(value));
}
