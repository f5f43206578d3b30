/** Headers as lists of names and values by turns: what the HTTP contracts of this room share. */

import type { FunctionRequest } from "./protocol.ts";

/** Headers that concern one connection only (RFC 9110 section 7.6.1) and what goes with them. */
const hopByHop = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** True for a header that must not be passed on; `name` in lower case. */
export const isHopByHop = (name: string): boolean => hopByHop.has(name);

/** The headers that a Connection header in `headers` names, in lower case. */
export function connectionListed(headers: readonly string[]): ReadonlySet<string> {
  let listed: Set<string> | undefined;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length !== 10 || name.toLowerCase() !== "connection") continue;
    listed ??= new Set();
    for (const token of (headers[i + 1] as string).split(",")) listed.add(token.trim().toLowerCase());
  }
  return listed ?? none;
}

const none: ReadonlySet<string> = new Set();

/** All headers of a request: what is given of its trace is one, too. */
export function allHeaders({ headers, traceparent }: Pick<FunctionRequest, "headers" | "traceparent">): readonly string[] {
  return traceparent === undefined ? headers : [...headers, "traceparent", traceparent];
}

/** Header names come from callers, so the memory of them is bounded. */
const namesMax = 1000;
const canonicalNames = new Map<string, string>();

/** `x-request-ID` as `X-Request-Id`, as Go's servers write names. */
export function canonicalName(name: string): string {
  const known = canonicalNames.get(name);
  if (known !== undefined) return known;
  const canonical = name.toLowerCase().replace(/(?:^|-)[a-z]/g, (letter) => letter.toUpperCase());
  if (canonicalNames.size >= namesMax) canonicalNames.clear();
  canonicalNames.set(name, canonical);
  return canonical;
}

const lowerNames = new Map<string, string>();

/** A name in lower case, without making it anew each time. */
export function lowerName(name: string): string {
  const known = lowerNames.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  if (lowerNames.size >= namesMax) lowerNames.clear();
  lowerNames.set(name, lower);
  return lower;
}

/** Milliseconds since the epoch in RFC 3339, whole seconds, UTC with `Z`: some parsers refuse offsets and fractions. */
export function rfc3339(ms: number): string {
  const second = Math.floor(ms / 1000);
  // Calls come many to a second.
  if (second !== lastSecond) {
    lastText = `${new Date(second * 1000).toISOString().slice(0, 19)}Z`;
    lastSecond = second;
  }
  return lastText;
}

let lastSecond = Number.NaN;
let lastText = "";
