import { PlatformError } from "../../model/error.ts";
import { limits } from "../../model/limits.ts";
import { allHeaders, canonicalName, isHopByHop, lowerName, rfc3339 } from "../headers.ts";
import type { FunctionRequest } from "../protocol.ts";
import { shown } from "./object-reader.ts";
import { requestUrl } from "./request-url.ts";

/** What an object in answer to a call says. */
export interface ObjectAnswer {
  readonly status: number;
  /** Names and values by turns. */
  readonly headers: readonly string[];
  readonly body: Buffer;
}

/** The parts of a call that both formats say alike: `protocol` and `deadline`. */
export function protocolOf(request: FunctionRequest) {
  return { type: "http", method: request.http?.method ?? "POST", request_url: requestUrl(request), headers: headersOf(request) };
}

export const deadlineOf = ({ deadlineAt }: FunctionRequest): string => rfc3339(deadlineAt);

/** Value of the caller's Content-Type; empty: there is none. */
export function contentTypeOf({ headers }: FunctionRequest): string {
  for (let i = 0; i < headers.length; i += 2)
    if (lowerName(headers[i] as string) === "content-type") return headers[i + 1] as string;
  return "";
}

function headersOf(request: FunctionRequest): Record<string, string[]> {
  const given = allHeaders(request);
  const named: Record<string, string[]> = {};
  for (let i = 0; i < given.length; i += 2) (named[canonicalName(given[i] as string)] ??= []).push(given[i + 1] as string);
  return named;
}

const nameRule = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const valueRule = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Status and headers of an answer's `protocol`; `contentType`, where it is not empty, is told instead of one among the headers. Throws
 * `function_protocol`.
 */
export function headOf(protocol: unknown, contentType: unknown): Pick<ObjectAnswer, "status" | "headers"> {
  const { status_code, headers } = objectOf("protocol", protocol ?? {});
  // Kits write what was not set as null or 0.
  const status = status_code || 200;
  if (typeof status !== "number" || !Number.isInteger(status) || status < 200 || status > 599)
    throw breach("status_code", status, "a status from 200 to 599");
  const type = contentType === undefined || contentType === null ? "" : textOf("content type", contentType);
  const lines: string[] = [];
  for (const [name, values] of Object.entries(objectOf("headers", headers ?? {}))) {
    if (isOfTheConnection(name) || (type !== "" && name.toLowerCase() === "content-type")) continue;
    for (const value of Array.isArray(values) ? values : [values]) addHeader(lines, name, value);
  }
  if (type !== "") addHeader(lines, "Content-Type", type);
  return { status, headers: lines };
}

const isOfTheConnection = (name: string) => name.toLowerCase() === "content-length" || isHopByHop(name.toLowerCase());

function addHeader(lines: string[], name: string, value: unknown): void {
  const text = textOf(`header ${name}`, value);
  if (!nameRule.test(name) || !valueRule.test(text)) throw breach(`header ${name}`, text, "what an HTTP header can carry");
  if (lines.length === 2 * limits.headerCountMax) throw breach("headers", "more", `at most ${limits.headerCountMax}`);
  lines.push(name, text);
}

/** Throws `function_protocol` unless it is a string. */
export function textOf(field: string, value: unknown): string {
  if (typeof value !== "string") throw breach(field, value, "a string");
  return value;
}

/** Throws `function_protocol` unless it is an object. */
export function objectOf(field: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw breach(field, value, "an object");
  return value as Readonly<Record<string, unknown>>;
}

function breach(field: string, value: unknown, wanted: string): PlatformError {
  const given = shown(Buffer.from(typeof value === "string" ? value : (JSON.stringify(value) ?? "nothing")));
  return new PlatformError("function_protocol", `In the program's answer ${field} is ${given}, must be ${wanted}`);
}
