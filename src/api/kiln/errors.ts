/** What an error is on this door: its status, its headers, its body. The only file here with status numbers of errors. */
import type { ErrorCode, PlatformError } from "../../model/error.ts";

export function statusOf(code: ErrorCode): number {
  switch (code) {
    case "invalid":
      return 400;
    case "unauthenticated":
      return 401;
    case "forbidden":
      return 403;
    case "not_found":
      return 404;
    case "method_not_allowed":
      return 405;
    case "request_timeout":
      return 408;
    case "conflict":
      return 409;
    case "too_large":
      return 413;
    case "throttled":
      return 429;
    case "header_too_large":
      return 431;
    case "cancelled":
      return 499;
    case "internal":
      return 500;
    case "unsupported":
      return 501;
    case "function_failed":
    case "function_start_failed":
    case "function_exited":
    case "function_out_of_memory":
    case "function_protocol":
    case "response_too_large":
      return 502;
    case "overloaded":
      return 503;
    case "start_timeout":
    case "timeout":
      return 504;
  }
}

/** Names and values by turns. */
export function errorHeaders({ code, details }: PlatformError): string[] {
  const headers = ["Content-Type", "application/json; charset=utf-8"];
  if (code === "unauthenticated") headers.push("WWW-Authenticate", String(details["wwwAuthenticate"] ?? "Bearer"));
  if (code === "throttled" || code === "overloaded") headers.push("Retry-After", String(details["retryAfterS"] ?? 1));
  if (code === "method_not_allowed" && typeof details["allow"] === "string") headers.push("Allow", details["allow"]);
  return headers;
}

/** `{code, message, details, requestId}`. */
export function errorBody(error: PlatformError, requestId: string): string {
  return JSON.stringify({ code: error.code, message: error.message, details: error.details, requestId });
}
