/** Fn's statuses: the only place of this door where a number of HTTP stands. */
import { type ErrorCode, PlatformError, asPlatformError } from "../../model/error.ts";
import type { Activation } from "../../model/model.ts";
import type { Reply } from "./reply.ts";
import { jsonReply } from "./reply.ts";

/** Statuses of answers that are no errors. */
export const status = {
  ok: 200,
  accepted: 202,
  noContent: 204,
  moved: 301,
  movedWithMethod: 307,
  forbidden: 403,
  notAcceptable: 406,
} as const;

/** Seconds after which Fn asks a caller to come back when there was no room. */
const retryAfterSeconds = 15;

/** `/v1` put its errors one level deeper. */
export type ErrorShape = "v1" | "v2";

/** Any failure as Fn's answer. `callId`: the activation's id as soon as there is one. */
export function errorReply(thrown: unknown, callId: string | null = null, shape: ErrorShape = "v2"): Reply {
  const error = asPlatformError(thrown);
  const [number, message] = statusAndMessage(error);
  const headers: string[] = [];
  if (callId !== null) headers.push("Fn-Call-Id", callId);
  if (error.code === "overloaded" && !wantsTooMuch(error))
    headers.push("Retry-After", String(retryAfterSeconds), ...limitName(error));
  if (error.code === "throttled") headers.push("Retry-After", String(error.details["retryAfterS"] ?? 1), ...limitName(error));
  if (error.code === "unauthenticated") headers.push("WWW-Authenticate", "Bearer");
  const body = shape === "v1" ? { error: { message } } : { message };
  return jsonReply(number, errorText(body), headers);
}

/** Fn's errors end with a line feed, and no other answer does. */
const errorText = (body: object) => `${JSON.stringify(body)}\n`;

const seeLogs = "please ensure you are using the latest fdk and check the logs";
const noResponse = "error receiving function response";
const outOfMemory = "container out of memory, you may want to raise fn.memory for this function (default: 128MB)";

/** The message that the caller of a call read that failed like this, for its record. `start`: how the call began. */
export function callMessage({ code, message }: NonNullable<Activation["error"]>, start: Activation["start"]): string {
  return statusAndMessage(new PlatformError(code as ErrorCode, message, { details: { starting: start === "none" } }))[1];
}

/** The client takes none of the forms that there are. */
export function notAcceptableReply(): Reply {
  return jsonReply(status.notAcceptable, errorText({ message: "unable to respond within acceptable response content types" }));
}

/** A function's own error text never reaches the caller, only its log; the cause of a failed start does. */
function statusAndMessage(error: PlatformError): [status: number, message: string] {
  switch (error.code) {
    case "invalid":
      return [400, error.message];
    case "unauthenticated":
      return [401, error.message];
    case "forbidden":
      return [403, error.message];
    case "not_found":
      return [404, error.message];
    case "method_not_allowed":
      return [405, error.message];
    case "request_timeout":
      return [408, error.message];
    case "conflict":
      return [409, error.message];
    case "too_large":
      return [413, "Request content too large"];
    case "build_failed":
      return [422, error.message];
    case "throttled":
      return [429, "Too many requests submitted"];
    case "header_too_large":
      return [431, error.message];
    case "cancelled":
      return [444, "Client cancelled context"];
    case "internal":
      return [500, "internal server error"];
    case "unsupported":
      return [501, error.message];
    case "function_failed":
      return [502, "function failed"];
    case "function_start_failed":
      return [502, failedStart(error)];
    case "function_exited":
      return [502, noResponse];
    case "function_out_of_memory":
      return [502, isStarting(error) ? outOfMemory : noResponse];
    case "function_protocol":
      return [502, isStarting(error) ? failedStart(error) : "invalid function response"];
    case "response_too_large":
      return [502, `function response ${error.details["part"] === "header" ? "header" : "body"} too large`];
    case "overloaded":
      if (wantsTooMuch(error)) return [400, "Requested CPU/Memory cannot be allocated"];
      return [503, "Timed out - server too busy"];
    case "registry_failed":
      return [refusedStatus(error) ?? 502, error.message];
    case "pull_timeout":
      return [504, "Image pull timed out"];
    case "start_timeout":
      return [504, `Container initialization timed out, ${seeLogs}: ${error.message}`];
    case "timeout":
      return [504, "Timed out"];
  }
}

/** Whether no call was in the sandbox yet. */
function isStarting({ details }: PlatformError): boolean {
  return details["starting"] === true;
}

function failedStart({ message }: PlatformError): string {
  return `Container failed to initialize, ${seeLogs}: ${message}`;
}

/** Fn's bodies say the same of every limit, so its name goes into a header. */
function limitName({ details: { limit } }: PlatformError): string[] {
  return typeof limit === "string" ? ["Kiln-Limit", limit] : [];
}

/** With what a registry refused an image. */
function refusedStatus({ details: { status: given } }: PlatformError): number | undefined {
  return typeof given === "number" && given >= 400 && given < 500 ? given : undefined;
}

/** No machine is as big as the function's memory, so coming back later helps nobody. */
function wantsTooMuch(error: PlatformError): boolean {
  return error.details["limit"] === "memory";
}

/** A request that breaks one of Fn's rules. */
export const invalid = (message: string) => new PlatformError("invalid", message);
export const invalidJson = () => invalid("Invalid JSON");
export const conflict = (message: string) => new PlatformError("conflict", message);

type Noun = "App" | "Fn" | "Trigger" | "Route" | "Call" | "Call log" | "Call result";

/** What does not exist, by Fn's name of it. */
export const notFound = (noun: Noun) => new PlatformError("not_found", `${noun} not found`);
export const notOver = (callStatus: string) => conflict(`Call is ${callStatus}; it has a result when it is over`);
export const pathNotFound = (method: string, path: string) => new PlatformError("not_found", `Path not found: ${method} ${path}`);
export const methodNotAllowed = (method: string, path: string) =>
  new PlatformError("method_not_allowed", `Method not allowed: ${method} ${path}`);
