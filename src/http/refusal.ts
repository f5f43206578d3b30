import { STATUS_CODES } from "node:http";
import type { PlatformError } from "../model/error.ts";

/**
 * What this room answers by itself, before any door hears of a request. Doors have tables of their own; this one knows only
 * the codes that are decided here, and what is not among them is our fault.
 */
export function refusalStatus(error: PlatformError): number {
  switch (error.code) {
    case "invalid":
      return 400;
    case "forbidden":
      return 403;
    case "not_found":
      return 404;
    case "method_not_allowed":
      return 405;
    case "request_timeout":
      return 408;
    case "too_large":
      return 413;
    case "header_too_large":
      return 431;
    case "function_failed":
    case "function_exited":
    case "function_protocol":
    case "response_too_large":
      return 502;
    case "overloaded":
      return 503;
    case "timeout":
      return 504;
    default:
      return 500;
  }
}

/** The error as JSON: `{code, message, details, requestId}`. */
export function refusalBody(error: PlatformError, requestId: string | null): string {
  return JSON.stringify({ code: error.code, message: error.message, details: error.details, requestId });
}

/** A refusal as a whole response, for a connection on which there is no request to answer. */
export function rawRefusal(error: PlatformError): string {
  const status = refusalStatus(error);
  const body = refusalBody(error, null);
  const length = Buffer.byteLength(body);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`;
}
