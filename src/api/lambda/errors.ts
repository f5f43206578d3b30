/** Lambda's statuses, names and texts of errors: the only place of this door where a number of HTTP stands. */
import type { SignatureFault } from "../../auth/signature.ts";
import { asPlatformError, type PlatformError } from "../../model/error.ts";
import { jsonReply, type Reply } from "./reply.ts";

/** Statuses of answers that are no errors. */
export const status = { ok: 200, created: 201, accepted: 202, nothing: 204 } as const;

/** A refusal in Lambda's words. */
export class Refusal extends Error {
  readonly status: number;
  /** Without `Exception` at its end. */
  readonly code: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly headers: readonly string[];

  constructor(
    number: number,
    code: string,
    text: string,
    fields: Readonly<Record<string, string>> = {},
    headers: readonly string[] = [],
  ) {
    super(text);
    this.status = number;
    this.code = code;
    this.fields = fields;
    this.headers = headers;
  }
}

export const invalidParameter = (text: string) => new Refusal(400, "InvalidParameterValue", text);
export const invalidContent = (text: string) => new Refusal(400, "InvalidRequestContent", text);
/** What AWS's own check of shapes says before a service sees the request. */
export const violates = (value: string, member: string, constraint: string) =>
  new Refusal(
    400,
    "Validation",
    `1 validation error detected: Value '${value}' at '${member}' failed to satisfy constraint: ${constraint}`,
  );
export const notFound = (text: string) => new Refusal(404, "ResourceNotFound", text);
export const functionNotFound = (arn: string) => notFound(`Function not found: ${arn}`);
export const noProvisioned = (arn: string) =>
  new Refusal(404, "ProvisionedConcurrencyConfigNotFound", `No Provisioned Concurrency Config found for ${arn}`);
export const unknownOperation = (method: string, path: string) =>
  new Refusal(
    404,
    "UnknownOperation",
    `This server has no operation at ${method} ${path.slice(0, 200)}: docs/lambda.md lists those that it has`,
  );
export const absentOperation = (name: string) =>
  new Refusal(501, "NotImplemented", `${name} is not supported by this server: docs/lambda.md says what is`);
export const linkRefused = (text: string) => new Refusal(403, "AccessDenied", text);
export const layerRefused = (arn: string) =>
  new Refusal(
    403,
    "AccessDenied",
    `This namespace is not authorized to perform this action on resource: ${arn} because no resource-based policy allows it`,
  );
export const conflict = (text: string) => new Refusal(409, "ResourceConflict", text);
export const changedMeanwhile = (arn: string) =>
  conflict(`The operation cannot be performed at this time. An update is in progress for resource: ${arn}`);
export const inState = (state: string) =>
  conflict(`The operation cannot be performed at this time. The function is currently in the following state: ${state}`);
export const wrongRevision = () =>
  new Refusal(
    412,
    "PreconditionFailed",
    "The RevisionId provided does not match the latest RevisionId. Call the GetFunction/GetAlias API to retrieve the latest RevisionId",
  );
export const tooLarge = (bytesMax: number) =>
  new Refusal(413, "RequestTooLarge", `Request must be smaller than ${bytesMax} bytes for the InvokeFunction operation`);
export const codeTooLarge = (bytesMax: number) =>
  new Refusal(413, "RequestTooLarge", `Request must be smaller than ${bytesMax} bytes for the CreateFunction operation`);

/** Any failure as an answer. */
export function errorReply(thrown: unknown): Reply {
  const { status: number, code, message, fields, headers } = asRefusal(thrown);
  const type = number >= 500 ? "Service" : "User";
  // Some of Lambda's errors have one spelling, some the other; each client knows both.
  const body = { Type: type, Message: message, message, ...fields };
  return jsonReply(number, body, ["x-amzn-errortype", `${code}Exception`, ...headers]);
}

export function asRefusal(thrown: unknown): Refusal {
  return thrown instanceof Refusal ? thrown : refusalOf(asPlatformError(thrown));
}

function refusalOf(error: PlatformError): Refusal {
  switch (error.code) {
    case "unauthenticated":
      return new Refusal(403, faultNames[error.details["fault"] as SignatureFault] ?? faultNames.incomplete, error.message);
    case "invalid":
    case "build_failed":
      return invalidParameter(error.message);
    case "forbidden":
      return new Refusal(403, "AccessDenied", error.message);
    case "not_found":
      return notFound(error.message);
    case "method_not_allowed":
      return new Refusal(405, "UnknownOperation", error.message);
    case "request_timeout":
      return new Refusal(408, "RequestTimeout", error.message);
    case "conflict":
      return conflicting(error);
    case "too_large":
      return new Refusal(413, "RequestTooLarge", error.message);
    case "throttled":
    case "overloaded":
      return throttled(error);
    case "header_too_large":
      return new Refusal(431, "RequestTooLarge", error.message);
    case "unsupported":
      return new Refusal(501, "NotImplemented", error.message);
    case "registry_failed":
    case "pull_timeout":
      return new Refusal(502, "ResourceNotReady", error.message);
    case "internal":
    case "cancelled":
    case "function_failed":
    case "function_start_failed":
    case "function_exited":
    case "function_out_of_memory":
    case "function_protocol":
    case "response_too_large":
    case "start_timeout":
    case "timeout":
      return new Refusal(500, "Service", "The service encountered an internal error.");
  }
}

function conflicting({ message, details }: PlatformError): Refusal {
  switch (details["reason"]) {
    case "taken":
      return conflict(message);
    case "not_ready":
      return inState(String(details["state"]));
    default:
      return conflict("The operation cannot be performed at this time. An update is in progress for resource");
  }
}

const faultNames: Readonly<Record<SignatureFault, string>> = {
  missing: "MissingAuthenticationToken",
  incomplete: "IncompleteSignature",
  unknown_key: "UnrecognizedClient",
  mismatch: "InvalidSignature",
};

function throttled({ message, details }: PlatformError): Refusal {
  const { limit, retryAfterS = 1 } = details;
  const reason = throttleReasons[String(limit)] ?? "ConcurrentInvocationLimitExceeded";
  const retry = ["Retry-After", String(retryAfterS)];
  return new Refusal(
    429,
    "TooManyRequests",
    `Rate Exceeded. ${message}`,
    { Reason: reason, retryAfterSeconds: String(retryAfterS) },
    retry,
  );
}

/** By the limit that was met. */
const throttleReasons: Readonly<Record<string, string>> = {
  namespaceCallsMax: "ConcurrentInvocationLimitExceeded",
  namespaceCallsPerMinuteMax: "FunctionInvocationRateLimitExceeded",
  functionCallsMax: "ReservedFunctionConcurrentInvocationLimitExceeded",
  functionWaitingMax: "ConcurrentInvocationLimitExceeded",
  namespaceQueuedMax: "CallerRateLimitExceeded",
};
