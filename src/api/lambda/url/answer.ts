/** What a function gives as an answer over HTTP: payload format 2.0, or whatever else it is. */
import { isAllowedHeader } from "../../../http/answer-head.ts";
import { headerOf } from "../../../http/headers.ts";
import type { Fn } from "../../../model/model.ts";
import { malformed, status, statusRange } from "./errors.ts";

export interface UrlAnswer {
  readonly status: number;
  /** Names and values by turns. */
  readonly headers: readonly string[];
  readonly body: Buffer;
}

/** What the code said by way of its protocol. */
export interface Said {
  readonly status: number;
  readonly headers: readonly string[];
  readonly fn: Pick<Fn, "protocol" | "source">;
}

export const preludeType = "application/vnd.awslambda.http-integration-response";
const json = "application/json";
const bytesType = "application/octet-stream";
const ofTheBody: ReadonlySet<string> = new Set(["content-type", "content-length"]);
const nothing = Buffer.alloc(0);

/** A whole result. An object with a `statusCode` says the answer, other JSON is its body, and what is no JSON is passed on. Throws `function_protocol`. */
export function answerOf(said: Said, body: Buffer): UrlAnswer {
  const type = headerOf(said.headers, "content-type");
  if (type !== undefined && !isJson(type) && !isWrittenForLambda(said.fn)) return asItIs(said, body);
  const value = valueIn(body);
  if (value === undefined) return asItIs(said, body);
  if (typeof value === "object" && value !== null && Object.hasOwn(value, "statusCode")) return structured(value);
  const head = passedOn(said, isWrittenForLambda(said.fn) ? json : (type ?? json));
  return { ...head, body: typeof value === "string" ? Buffer.from(value) : body };
}

/** The head of an answer that is passed on. */
export function passedOn({ status: number, headers, fn }: Said, type: string): Pick<UrlAnswer, "status" | "headers"> {
  // What clients of the Runtime API say of their responses is not for the caller.
  if (isWrittenForLambda(fn)) return { status: status.ok, headers: ["Content-Type", type] };
  const own: string[] = ["Content-Type", type];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (!ofTheBody.has(name.toLowerCase())) own.push(name, headers[i + 1] as string);
  }
  return { status: number, headers: own };
}

function asItIs(said: Said, body: Buffer): UrlAnswer {
  return { ...passedOn(said, typeSaid(said)), body };
}

/** Of an answer that is no JSON. */
export function typeSaid({ headers }: Pick<Said, "headers">): string {
  return headerOf(headers, "content-type") ?? bytesType;
}

/** It knows nothing of HTTP, and what its runtime says of a result means nothing. */
function isWrittenForLambda({ protocol, source }: Said["fn"]): boolean {
  return protocol === "runtime-api" || (source.type === "code" && source.convention === "lambda");
}

function isJson(type: string): boolean {
  return type === json || /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type);
}

/** Undefined: it is none. */
function valueIn(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

/** An answer as functions write it; nothing of it is sure. */
interface Structured {
  readonly statusCode?: unknown;
  readonly headers?: unknown;
  readonly cookies?: unknown;
  readonly body?: unknown;
  readonly isBase64Encoded?: unknown;
}

function structured(said: Structured): UrlAnswer {
  return { ...headIn(said, json), body: bodyIn(said) };
}

/** Status and headers, with `type` where none is said. Throws `function_protocol`. */
export function headIn({ statusCode, headers, cookies }: Structured, type: string): Pick<UrlAnswer, "status" | "headers"> {
  const shown = headersIn(headers);
  for (const cookie of cookiesIn(cookies)) shown.push("Set-Cookie", cookie);
  if (headerOf(shown, "content-type") === undefined) shown.push("Content-Type", type);
  return { status: statusIn(statusCode), headers: shown };
}

function statusIn(given: unknown): number {
  const code = typeof given === "string" && /^\d{3}$/.test(given) ? Number(given) : given;
  if (typeof code === "number" && Number.isInteger(code) && code >= statusRange.min && code <= statusRange.max) return code;
  throw malformed(`statusCode is no number from ${statusRange.min} to ${statusRange.max}`);
}

function headersIn(given: unknown): string[] {
  if (given === undefined || given === null) return [];
  if (typeof given !== "object" || Array.isArray(given)) throw malformed("headers is no object");
  const shown: string[] = [];
  for (const [name, value] of Object.entries(given)) {
    if (value === null || typeof value === "object") throw malformed("A header is no text");
    shown.push(...allowed(name, String(value)));
  }
  return shown;
}

function cookiesIn(given: unknown): readonly string[] {
  if (given === undefined || given === null) return [];
  if (!Array.isArray(given) || !given.every((each) => typeof each === "string")) throw malformed("cookies is no list of texts");
  for (const cookie of given) allowed("Set-Cookie", cookie);
  return given;
}

function allowed(name: string, value: string): readonly [string, string] {
  if (!isAllowedHeader(name, value)) throw malformed("HTTP does not allow a header");
  return [name, value];
}

function bodyIn({ body, isBase64Encoded }: Structured): Buffer {
  if (body === undefined || body === null) return nothing;
  if (typeof body === "object") return Buffer.from(JSON.stringify(body));
  const text = String(body);
  if (isBase64Encoded !== true) return Buffer.from(text);
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) throw malformed("body is not base64");
  return Buffer.from(text, "base64");
}
