import type { Fn } from "../../model/model.ts";
import { allHeaders, rfc3339 } from "../headers.ts";
import type { LaunchApp, LaunchRequest } from "../protocol.ts";

/** Fn's names for what is spoken over STDIN and STDOUT. */
export type StdioFormat = "default" | "http" | "json" | "cloudevent";

/** What every program over STDIN and STDOUT finds in its environment: the platform's names win over configuration. */
export function functionEnvironment(fn: Fn, app: LaunchApp, format: StdioFormat): Record<string, string> {
  return {
    ...app.config,
    ...fn.config,
    FN_FORMAT: format,
    FN_TYPE: "sync",
    FN_MEMORY: String(fn.memoryMiB),
    FN_FN_ID: fn.id,
    FN_APP_ID: fn.appId ?? "",
    FN_APP_NAME: app.name ?? "",
    FN_FN_NAME: fn.name,
  };
}

/** What a program that serves one call finds besides. */
export function callEnvironment(request: LaunchRequest): Record<string, string> {
  const { http } = request;
  const headers = allHeaders(request);
  return {
    ...headerEnvironment(headers),
    ...traceEnvironment(headers),
    FN_CALL_ID: request.callId,
    FN_DEADLINE: rfc3339(request.deadlineAt),
    FN_METHOD: http?.method ?? "POST",
    FN_PATH: http?.target.split("?", 1)[0] ?? "/",
    ...(http === null ? {} : { FN_REQUEST_URL: http.url }),
  };
}

/** Under the names that tracing tools of the command line use. */
function traceEnvironment(headers: readonly string[]): Record<string, string> {
  const env: Record<string, string> = {};
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] as string).toUpperCase();
    if (name === "TRACEPARENT" || name === "TRACESTATE") env[name] = headers[i + 1] as string;
  }
  return env;
}

/** `x-trace: 1` as `FN_HEADER_X_TRACE=1`; values of one name are joined as HTTP allows. */
function headerEnvironment(headers: readonly string[]): Record<string, string> {
  const env: Record<string, string> = {};
  for (let i = 0; i < headers.length; i += 2) {
    const name = `FN_HEADER_${(headers[i] as string).toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}`;
    const value = (headers[i + 1] as string).replaceAll("\0", "");
    env[name] = env[name] === undefined ? value : `${env[name]}, ${value}`;
  }
  return env;
}
