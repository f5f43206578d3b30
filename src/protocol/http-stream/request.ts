import { headerLines, requestLine } from "../../wire/http1-request.ts";
import { allHeaders, canonicalName, lowerName, rfc3339 } from "../headers.ts";
import type { FunctionRequest, HttpOrigin } from "../protocol.ts";

const start = `${requestLine("POST", "/call")}Host: localhost\r\n`;

/**
 * Heads of requests as a kit gets them, without the lines about the length of a body. A caller's headers are mostly those of the call
 * before, and then their lines are, too.
 */
export class RequestHeads {
  #given: readonly string[] = [];
  #lines = "";

  /** Throws PlatformError invalid on what no head can say. */
  of(request: FunctionRequest): string {
    const { callId, deadlineAt, traceparent, http } = request;
    // Of the platform's own making, so nothing in it can end a line.
    const ours = `${start}Fn-Call-Id: ${callId}\r\nFn-Deadline: ${rfc3339(deadlineAt)}\r\n`;
    if (http !== null) return ours + headerLines(httpHeaders(allHeaders(request), http));
    const lines = this.#linesOf(request.headers);
    return traceparent === undefined ? ours + lines : `${ours}${lines}traceparent: ${traceparent}\r\n`;
  }

  #linesOf(given: readonly string[]): string {
    if (given === this.#given) return this.#lines;
    const lines = headerLines(directHeaders(given));
    this.#given = given;
    this.#lines = lines;
    return lines;
  }
}

/** Unchanged, but for what the platform says itself. */
function directHeaders(given: readonly string[]): string[] {
  const headers: string[] = [];
  for (let i = 0; i < given.length; i += 2) {
    const name = given[i] as string;
    if (isOurs(lowerName(name))) continue;
    headers.push(name, given[i + 1] as string);
  }
  return headers;
}

const isOurs = (name: string) => name === "host" || name === "fn-call-id" || name === "fn-deadline";

function httpHeaders(given: readonly string[], http: HttpOrigin): string[] {
  const headers = ["Fn-Intent", "httprequest", "Fn-Http-Method", http.method, "Fn-Http-Request-Url", http.url];
  for (let i = 0; i < given.length; i += 2) {
    const name = canonicalName(given[i] as string);
    const value = given[i + 1] as string;
    // The trace is of the call, not of the request behind it: tracing libraries look for it under its own name.
    if (name === "Traceparent" || name === "Tracestate") headers.push(name, value);
    headers.push(name === "Content-Type" ? name : `Fn-Http-H-${name}`, value);
  }
  return headers;
}
