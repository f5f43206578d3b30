/**
 * What went wrong, in words every door can translate. The caller's fault and ours are thrown as PlatformError; a function's
 * fault is a result, never an exception (style: errors).
 */
export type ErrorCode =
  | "invalid" // the request is not well formed or breaks a rule: 400
  | "unauthenticated" // 401
  | "forbidden" // 403
  | "not_found" // 404
  | "method_not_allowed" // 405
  | "request_timeout" // the client was too slow: 408
  | "conflict" // 409
  | "too_large" // 413
  | "throttled" // the caller is over a quota: 429
  | "build_failed" // what the code names as its packages could not be installed, or it could not be compiled: 422
  | "header_too_large" // 431
  | "internal" // our fault: 500
  | "unsupported" // we know what is meant and do not do it: 501
  | "function_failed" // the code answered with an error: 502
  | "function_start_failed" // it could not be loaded or never became ready: 502
  | "function_exited" // its process ended or closed the connection in the middle of a call: 502
  | "function_out_of_memory" // 502
  | "function_protocol" // it answered something its contract does not allow: 502
  | "response_too_large" // 502
  | "registry_failed" // an image could not be had from its registry: 502, or the registry's 4xx in `details.status`
  | "overloaded" // no room now: 503
  | "pull_timeout" // its image did not come in time: 504
  | "start_timeout" // not ready in time: 504
  | "timeout" // the function's time was up: 504
  | "cancelled"; // the caller went away: 499

export interface ErrorOptions {
  /** Safe to show: names, limits, positions. Never a secret, a payload or a host path. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Stays in the process; goes to the platform's log. */
  readonly cause?: unknown;
}

/** The one error class of the platform. `message` is safe to show to a caller. */
export class PlatformError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "PlatformError";
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** Any thrown value as a PlatformError; what is not one already becomes `internal` with the value as its cause. */
export function asPlatformError(error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  return new PlatformError("internal", "Internal error", { cause: error });
}
