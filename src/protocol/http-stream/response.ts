import { PlatformError } from "../../model/error.ts";
import type { BodySource } from "../../lib/body.ts";
import { connectionListed, isHopByHop, lowerName } from "../headers.ts";
import type { FunctionResponse } from "../protocol.ts";

const headerPrefix = "fn-http-h-";

/** Of lists that came with answers. */
const plain = new WeakMap<readonly string[], readonly string[]>();
let newest: readonly string[] = [];

/**
 * The headers of an answer to a direct call: all but those of the kit's connection. Lists that come after each other and are alike are one list, so that what
 * follows from it is found out once, and not for each sandbox and each second of its clock.
 */
export function plainHeaders(given: readonly string[]): readonly string[] {
  let headers = plain.get(given);
  if (headers === undefined) {
    headers = withoutConnection(given);
    if (areEqual(headers, newest)) headers = newest;
    else newest = headers;
    plain.set(given, headers);
  }
  return headers;
}

function areEqual(some: readonly string[], others: readonly string[]): boolean {
  if (some.length !== others.length) return false;
  for (let i = 0; i < some.length; i++) if (some[i] !== others[i]) return false;
  return true;
}

function withoutConnection(given: readonly string[]): string[] {
  const listed = connectionListed(given);
  const headers: string[] = [];
  for (let i = 0; i < given.length; i += 2) {
    const name = given[i] as string;
    const lower = lowerName(name);
    if (isConnections(lower) || listed.has(lower)) continue;
    headers.push(name, given[i + 1] as string);
  }
  return headers;
}

/** Of the connection to the kit: its length is told by the body, its date by whoever answers. */
const isConnections = (name: string) => isHopByHop(name) || name === "content-length" || name === "date";

/**
 * An answer to a call through a route as plain HTTP: what is in `Fn-Http-` headers, and the Content-Type. Throws
 * function_protocol on a number that is no status.
 */
export function decodeHttp(given: readonly string[], body: BodySource): FunctionResponse {
  const headers: string[] = [];
  let status = 200;
  let contentType: string | undefined;
  for (let i = 0; i < given.length; i += 2) {
    const name = given[i] as string;
    const value = given[i + 1] as string;
    const lower = lowerName(name);
    if (lower === "content-type") contentType = value;
    else if (lower === "fn-http-h-content-type") contentType ??= value;
    else if (lower === "fn-http-status") status = httpStatus(value, body) ?? status;
    else if (lower.startsWith(headerPrefix)) pushDecoded(headers, name.slice(headerPrefix.length), value);
  }
  if (contentType !== undefined) headers.push("Content-Type", contentType);
  return { status, headers, body };
}

function pushDecoded(headers: string[], name: string, value: string): void {
  const lower = lowerName(name);
  // A function that could say these would write on the connection to the client instead of in its answer.
  if (lower === "" || isHopByHop(lower) || lower === "content-length") return;
  headers.push(name, value);
}

/** Undefined for what is no number above zero, which Fn's server passes over. */
function httpStatus(value: string, body: BodySource): number | undefined {
  if (/^[2-5][0-9][0-9]$/.test(value)) return Number(value);
  if (!/^\+?0*[1-9][0-9]*$/.test(value)) return undefined;
  body.cancel();
  throw new PlatformError("function_protocol", "The function's Fn-Http-Status is not an HTTP status from 200 to 599");
}
