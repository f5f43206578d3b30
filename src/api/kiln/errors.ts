/** What an error is on this door: its headers and its body. Its status is HTTP's own (`http/refusal.ts`). */
import type { PlatformError } from "../../model/error.ts";

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
