import type { Http1RequestHead } from "../../wire/http1-request.ts";
import { canonicalName, lowerName, rfc3339 } from "../headers.ts";
import type { FunctionRequest, HttpOrigin } from "../protocol.ts";

/** The request as a kit gets it. */
export function requestHead(request: FunctionRequest): Http1RequestHead {
  const headers = ["Host", "localhost", "Fn-Call-Id", request.callId, "Fn-Deadline", rfc3339(request.deadlineAt)];
  if (request.http === null) pushDirect(headers, request.headers);
  else pushHttp(headers, request.headers, request.http);
  return { method: "POST", target: "/call", headers };
}

/** Unchanged, but for what the platform says itself. */
function pushDirect(headers: string[], given: readonly string[]): void {
  for (let i = 0; i < given.length; i += 2) {
    const name = given[i] as string;
    if (isOurs(lowerName(name))) continue;
    headers.push(name, given[i + 1] as string);
  }
}

const isOurs = (name: string) => name === "host" || name === "fn-call-id" || name === "fn-deadline";

function pushHttp(headers: string[], given: readonly string[], http: HttpOrigin): void {
  headers.push("Fn-Intent", "httprequest", "Fn-Http-Method", http.method, "Fn-Http-Request-Url", http.url);
  for (let i = 0; i < given.length; i += 2) {
    const name = canonicalName(given[i] as string);
    const value = given[i + 1] as string;
    // The trace is of the call, not of the request behind it: tracing libraries look for it under its own name.
    if (name === "Traceparent" || name === "Tracestate") headers.push(name, value);
    headers.push(name === "Content-Type" ? name : `Fn-Http-H-${name}`, value);
  }
}
