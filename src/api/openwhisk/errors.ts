/** OpenWhisk's statuses and texts: the only place of this door where a number of HTTP stands. */
import { asPlatformError, type PlatformError } from "../../model/error.ts";
import type { Activation, Fn } from "../../model/model.ts";
import { invalidResult } from "../../flow/answer.ts";
import { jsonReply, type Reply } from "./reply.ts";

/** Statuses of answers that are no errors. */
export const status = { ok: 200, accepted: 202, nothing: 204 } as const;

/** A refusal in OpenWhisk's words. */
export class Refusal extends Error {
  readonly status: number;
  readonly headers: readonly string[];

  constructor(number: number, text: string, headers: readonly string[] = []) {
    super(text);
    this.status = number;
    this.headers = headers;
  }
}

export const badRequest = (text: string) => new Refusal(400, text);
export const malformed = (reason: string) => badRequest(`The request content was malformed:\n${reason}`);
export const malformedQuery = (name: string, reason: string) =>
  badRequest(`The query parameter '${name}' was malformed:\n${reason}`);
export const noEntity = () => badRequest("Request entity expected but not supplied");
export const illegalName = () => badRequest("The name of the entity contains illegal characters.");
export const illegalNamespace = () => badRequest("The namespace contains illegal characters.");
export const longName = (length: number, max: number) => badRequest(`Name segement longer than allowed: ${length} > ${max}.`);
export const longNamespace = (length: number, max: number) => badRequest(`Namespace longer than allowed: ${length} > ${max}.`);
export const reservedParameters = () =>
  badRequest("Request defines parameters that are not allowed (e.g., reserved properties).");
export const badTimeout = (max: number) => badRequest(`Timeout must be number of milliseconds up to ${max}.`);
export const notEntitled = (resource: string) =>
  new Refusal(403, `The supplied authentication is not authorized to access '${resource}'.`);
export const notThere = () => new Refusal(404, "The requested resource does not exist.");
export const notThereNamed = (resource: string) => notFoundBecause(`The requested resource '${resource}' does not exist.`);
export const notFoundBecause = (text: string) => new Refusal(404, text);
export const conflict = (text: string) => new Refusal(409, text);
export const packageNotEmpty = (count: number) =>
  conflict(
    `Package not empty (contains ${count} ${count === 1 ? "entity" : "entities"}). Set force param or delete package contents.`,
  );
export const noRoute = () => new Refusal(404, "The requested resource could not be found.");
export const wrongMethod = (methods: readonly string[]) =>
  new Refusal(405, `HTTP method not allowed, supported methods: ${methods.join(", ")}`, ["Allow", methods.join(", ")]);
export const existsAlready = () => new Refusal(409, "resource already exists");
export const changedMeanwhile = () => new Refusal(409, "Concurrent modification to resource detected.");
export const otherCollection = () => new Refusal(409, "Resource by this name exists but is not in this collection.");
export const tooLarge = (field: string, bytes: number, bytesMax: number) =>
  new Refusal(413, `${field} larger than allowed: ${bytes} > ${bytesMax} bytes.`);
export const wrongType = (type: string) =>
  new Refusal(415, `The request's Content-Type [${type}] is not supported. Expected:\napplication/json`);

/** Browsers are not asked for a password: they would send it along with requests of any page. */
function unauthenticated(hasCredentials: boolean, isBrowser: boolean): Refusal {
  const text = hasCredentials
    ? "The supplied authentication is invalid"
    : "The resource requires authentication, which was not supplied with the request";
  const challenge = isBrowser ? "Bearer" : "Basic";
  return new Refusal(401, text, ["WWW-Authenticate", `${challenge} realm="OpenWhisk secure realm"`]);
}

/** Who asked, as far as a refusal depends on it. */
export interface Asker {
  readonly hasCredentials: boolean;
  readonly isBrowser: boolean;
}

/** Any failure as an answer. */
export function errorReply(thrown: unknown, transaction: string, asker: Asker): Reply {
  const refusal = thrown instanceof Refusal ? thrown : refusalOf(asPlatformError(thrown), asker);
  const body = JSON.stringify({ error: refusal.message, code: transaction });
  return jsonReply(refusal.status, body, refusal.headers);
}

/** Why a call was refused, for a record; `isOurs`: by no fault of its caller. */
export function refusalText(error: PlatformError): { readonly text: string; readonly isOurs: boolean } {
  const { message: text, status: number } = refusalOf(error, { hasCredentials: true, isBrowser: false });
  return { text, isOurs: number >= 500 };
}

function refusalOf(error: PlatformError, { hasCredentials, isBrowser }: Asker): Refusal {
  switch (error.code) {
    case "unauthenticated":
      return unauthenticated(hasCredentials, isBrowser);
    case "invalid":
    case "build_failed":
      return malformed(error.message);
    case "forbidden":
      return forbidden(error);
    case "not_found":
      return notThere();
    case "method_not_allowed":
      return new Refusal(405, error.message);
    case "request_timeout":
      return new Refusal(408, error.message);
    case "conflict":
      return error.details["reason"] === "not_ready" ? conflict(error.message) : changedMeanwhile();
    case "too_large":
      return new Refusal(413, error.message);
    case "throttled":
      return new Refusal(429, throttled(error), ["Retry-After", String(error.details["retryAfterS"] ?? 1), ...limitName(error)]);
    case "header_too_large":
      return new Refusal(431, error.message);
    case "unsupported":
      return new Refusal(error.details["what"] === "kind" ? 400 : 501, error.message);
    case "overloaded":
      return new Refusal(503, "System is overloaded, try again later.", ["Retry-After", "1", ...limitName(error)]);
    case "internal":
    case "cancelled":
    case "function_failed":
    case "function_start_failed":
    case "function_exited":
    case "function_out_of_memory":
    case "function_protocol":
    case "response_too_large":
    case "registry_failed":
    case "pull_timeout":
    case "start_timeout":
    case "timeout":
      return new Refusal(500, "There was an internal server error.");
  }
}

/** What is shared is named as it was asked for; whether it is there is not told. */
function forbidden({ details: { namespace, app, function: name = app }, message }: PlatformError): Refusal {
  return typeof name === "string" ? notEntitled(`${String(namespace)}/${name}`) : new Refusal(403, message);
}

function throttled({ details, message }: PlatformError): string {
  const { limit, max, count = Number(max) + 1 } = details;
  const counted = `(count: ${String(count)}, allowed: ${String(max)}).`;
  switch (limit) {
    case "namespaceCallsMax":
      return `Too many concurrent requests in flight ${counted}`;
    case "namespaceCallsPerMinuteMax":
    case "namespaceFiresPerMinuteMax":
      return `Too many requests in the last minute ${counted}`;
    default:
      return message;
  }
}

/** OpenWhisk has one sentence for all reasons; which it was goes into a header. */
function limitName({ details: { limit } }: PlatformError): string[] {
  return typeof limit === "string" ? ["Kiln-Limit", limit] : [];
}

/** How a call ended, as OpenWhisk counts it: success, application error, developer error, platform error. */
export type Ending = 0 | 1 | 2 | 3;

export const endingNames = ["success", "application error", "action developer error", "whisk internal error"] as const;

/** The status of a blocking call's answer. */
export const endingStatuses = [200, 502, 502, 500] as const;

/** Of a record. What was given up after its attempts ended as its last attempt did. */
export function endingOf({ status: recorded, error }: Pick<Activation, "status" | "error">): Ending {
  switch (recorded) {
    case "success":
      return 0;
    case "function_error":
      return 1;
    case "developer_error":
    case "timeout":
    case "cancelled":
      return 2;
    case "platform_error":
      // Whoever names an image answers for it.
      return error !== null && isPull(error.code) ? 2 : 3;
    case "dead_lettered":
      return error !== null && (isDevelopers(error.code) || isPull(error.code)) ? 2 : 3;
  }
}

const isPull = (code: string) => code === "registry_failed" || code === "pull_timeout";

function isDevelopers(code: string): boolean {
  return code === "timeout" || code === "start_timeout" || code === "response_too_large" || code.startsWith("function_");
}

/** What the caller of a call reads that has no answer. */
export function failureText({ code, message }: NonNullable<Activation["error"]>, fn: Pick<Fn, "timeoutMs"> | null): string {
  const limit = `The action exceeded its time limits of ${fn?.timeoutMs ?? /\d+(?= ms)/.exec(message)?.[0] ?? 0} milliseconds`;
  switch (code) {
    case "function_start_failed":
      return `Initialization has failed due to: ${message}`;
    case "start_timeout":
      return `${limit} during initialization.`;
    case "timeout":
      return `${limit}.`;
    case "function_exited":
      return "The action did not produce a valid response and exited unexpectedly.";
    case "function_out_of_memory":
      return "The action exhausted its memory and was aborted.";
    case "function_protocol":
    case "response_too_large":
      return invalidResult;
    case "registry_failed":
    case "pull_timeout":
      return `Failed to pull container image '${/image '([^']*)'/.exec(message)?.[1] ?? ""}'.`;
    case "internal":
      // It has a reason of its own where the server died meanwhile.
      return message === "Internal error" ? noResources : message;
    default:
      return message;
  }
}

const noResources = "Failed to provision resources to run the action.";
