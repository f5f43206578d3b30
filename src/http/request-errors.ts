import { PlatformError } from "../model/error.ts";
import type { HttpConfig } from "./config.ts";

/** 408: the head or the whole request came too slowly. */
export function requestTooSlow({ headersTimeoutMs, requestTimeoutMs }: HttpConfig): PlatformError {
  return new PlatformError("request_timeout", "The request did not arrive in time", {
    details: { headersTimeoutMs, requestTimeoutMs },
  });
}

/** 431: more bytes than `limitBytes`; `message` says of what. */
export function headTooLarge(limitBytes: number, message: string): PlatformError {
  return new PlatformError("header_too_large", message, { details: { limitBytes } });
}

/** 400: it can't be parsed; `reason` says why. */
export function notHttp(reason: string): PlatformError {
  return new PlatformError("invalid", `The request is not valid HTTP/1.1: ${reason}`);
}
