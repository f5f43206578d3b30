import { STATUS_CODES } from "node:http";
import type { ErrorCode, PlatformError } from "../model/error.ts";

/**
 * The status of an error in HTTP's own words: what this room answers by itself, before any door hears of a request, and what our own
 * API answers. Doors of other dialects have tables of their own.
 */
export function httpStatusOf(code: ErrorCode): number {
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
    case "build_failed":
      return 422;
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
    case "registry_failed":
      return 502;
    case "overloaded":
      return 503;
    case "pull_timeout":
    case "start_timeout":
    case "timeout":
      return 504;
  }
}

/** The error as JSON: `{code, message, details, requestId}`. */
export function refusalBody(error: PlatformError, requestId: string | null): string {
  return JSON.stringify({ code: error.code, message: error.message, details: error.details, requestId });
}

/** A refusal as a whole response, for a connection on which there is no request to answer. */
export function rawRefusal(error: PlatformError): string {
  const status = httpStatusOf(error.code);
  const body = refusalBody(error, null);
  const length = Buffer.byteLength(body);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`;
}
