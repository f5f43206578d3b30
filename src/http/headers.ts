/**
 * Headers as one flat list, names and values by turns, the way they stand on the wire. Looking a name up is a walk: requests
 * have few headers, and the length tells most of them apart.
 */

/** First value of a header; `name` in lower case. */
export function headerOf(headers: readonly string[], name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    const candidate = headers[i] as string;
    if (candidate.length === name.length && (candidate === name || candidate.toLowerCase() === name)) return headers[i + 1];
  }
  return undefined;
}

/** Without those of these names, which are in lower case. */
export function headersWithout(headers: readonly string[], names: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (!names.has(name.toLowerCase())) kept.push(name, headers[i + 1] as string);
  }
  return kept;
}

/** Without what belongs to one connection only, what a `Connection` header names, what doors alone say, and the names in `drop` (lower case). */
export function endToEndHeaders(headers: readonly string[], drop: ReadonlySet<string> = nothing): string[] {
  const named = connectionOptions(headers);
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const lower = endToEndName(name);
    if (lower === "" || drop.has(lower) || named?.includes(lower)) continue;
    kept.push(name, headers[i + 1] as string);
  }
  return kept;
}

const nothing: ReadonlySet<string> = new Set();

/** So begin names by which a door tells code who calls it and how: no caller does. */
const ofDoors = "lambda-runtime-";

/** Names that were met, and what they are in lower case; empty for those that are not passed on. Bounded, because clients choose them. */
const names = new Map<string, string>();
const namesMax = 1000;

function endToEndName(name: string): string {
  const known = names.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  const kept = isHopByHop(lower) || lower.startsWith(ofDoors) ? "" : lower;
  if (names.size < namesMax && name.length <= 64) names.set(detached(name), kept);
  return kept;
}

/** The same text in memory of its own: a part of a head would keep the whole head with it. */
export function detached(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}

/** RFC 9110 section 7.6.1; `name` in lower case. Content-Length is not one of them. */
export function isHopByHop(name: string): boolean {
  switch (name) {
    case "connection":
    case "keep-alive":
    case "proxy-connection":
    case "proxy-authenticate":
    case "proxy-authorization":
    case "te":
    case "trailer":
    case "transfer-encoding":
    case "upgrade":
      return true;
    default:
      return false;
  }
}

function connectionOptions(headers: readonly string[]): string[] | undefined {
  const value = headerOf(headers, "connection");
  if (value === undefined || value === "keep-alive" || value === "close") return undefined;
  return value.toLowerCase().split(/\s*,\s*/);
}

/** What the listener itself has to know of a request, found in one walk. */
export interface Scan {
  host: string | undefined;
  hosts: number;
  origin: string | undefined;
  authorized: boolean;
  /** Content-Length; undefined without one. The parser has refused what is not a number. */
  bytes: number | undefined;
  chunked: boolean;
}

export function scanHeaders(headers: readonly string[]): Scan {
  const scan: Scan = { host: undefined, hosts: 0, origin: undefined, authorized: false, bytes: undefined, chunked: false };
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    switch (name.length) {
      case 4:
        if (is(name, "host")) {
          scan.hosts++;
          scan.host = headers[i + 1] as string;
        }
        break;
      case 6:
        if (is(name, "origin")) scan.origin = headers[i + 1] as string;
        break;
      case 13:
        if (is(name, "authorization")) scan.authorized = true;
        break;
      case 14:
        if (is(name, "content-length")) scan.bytes = Number(headers[i + 1]);
        break;
      case 17:
        if (is(name, "transfer-encoding")) scan.chunked = true;
        break;
    }
  }
  return scan;
}

function is(name: string, lower: string): boolean {
  return name === lower || name.toLowerCase() === lower;
}

/** What proves a caller to us and is not for the function: whoever wrote that could otherwise act in the caller's name. */
export const credentialHeaders: ReadonlySet<string> = new Set(["authorization"]);
