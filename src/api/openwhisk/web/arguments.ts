/** The parameters of a web action, of head and body of a request, as JSON text. What is JSON goes through as it was written. */
import type { Fn } from "../../../model/model.ts";
import { malformed, reservedParameters } from "../errors.ts";
import { finalNames } from "../payload.ts";
import { isBinary, isJson } from "./media.ts";
import type { WebRequest } from "./request.ts";

/** Names that are ours to give. */
const reserved: ReadonlySet<string> = new Set([
  "__ow_method",
  "__ow_headers",
  "__ow_path",
  "__ow_user",
  "__ow_query",
  "__ow_body",
]);

/** What a body gives. */
interface Given {
  /** Members of the parameters, as JSON text. */
  readonly text: string;
  /** Names that callers chose; none: it is one member of ours. */
  readonly names: readonly string[];
}

/** `user`: whose key came with the request. Throws `Refusal`. */
export function argumentsOf(web: WebRequest, fn: Fn, user: string | null, bytes: Buffer): Buffer {
  const context = web.context(user);
  if (bytes.length === 0) return withoutBody(web, fn, context);
  if (isRaw(fn)) return rawArguments(web, context, bytes);
  const { text, names } = givenIn(web, bytes);
  const asked = queryText(web, names);
  checkNames(fn, [...web.parameters.keys(), ...names]);
  return Buffer.from(`${context}${asked}${text.trim() === "" ? "" : `,${text}`}}`);
}

/** The same for all requests with this head, until the function changes. */
function withoutBody(web: WebRequest, fn: Fn, context: string): Buffer {
  const { bare } = web;
  if (bare !== null && bare.fn === fn && bare.context === context) return bare.bytes;
  if (!isRaw(fn)) checkNames(fn, [...web.parameters.keys()]);
  const bytes = isRaw(fn) ? rawArguments(web, context, noBytes) : Buffer.from(`${context}${queryText(web, [])}}`);
  web.bare = { fn, context, bytes };
  return bytes;
}

const noBytes = Buffer.alloc(0);

function rawArguments(web: WebRequest, context: string, bytes: Buffer): Buffer {
  return Buffer.from(`${context},"__ow_query":${JSON.stringify(web.query)},"__ow_body":${rawBody(web, bytes)}}`);
}

function isRaw({ annotations }: Fn): boolean {
  return annotations["raw-http"] === "true";
}

/** Always text. */
function rawBody(web: WebRequest, bytes: Buffer): string {
  const isEncoded = web.contentType?.name === "application/json" || isEncodedBody(web);
  return JSON.stringify(isEncoded ? bytes.toString("base64") : bytes.toString());
}

function isEncodedBody({ contentType }: WebRequest): boolean {
  return contentType === null || isBinary(contentType);
}

function givenIn(web: WebRequest, bytes: Buffer): Given {
  const { contentType } = web;
  if (contentType !== null && isJson(contentType)) return jsonIn(bytes.toString());
  if (contentType?.name === "application/x-www-form-urlencoded") return formIn(bytes.toString());
  return opaque(JSON.stringify(isEncodedBody(web) ? bytes.toString("base64") : bytes.toString()));
}

/** The members of an object; anything else as it is. */
function jsonIn(text: string): Given {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw malformed((error as Error).message);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return opaque(text);
  return { text: text.slice(text.indexOf("{") + 1, text.lastIndexOf("}")), names: Object.keys(value) };
}

function opaque(json: string): Given {
  return { text: `"__ow_body":${json}`, names: [] };
}

function formIn(text: string): Given {
  const fields = new Map(new URLSearchParams(text));
  return { text: membersOf(fields), names: [...fields.keys()] };
}

/** The body wins, and no name is there twice: not all that read JSON take the last. */
function queryText({ parameters }: WebRequest, names: readonly string[]): string {
  if (parameters.size === 0) return "";
  const left = names.length === 0 ? parameters : new Map([...parameters].filter(([name]) => !names.includes(name)));
  return left.size === 0 ? "" : `,${membersOf(left)}`;
}

function membersOf(fields: ReadonlyMap<string, string>): string {
  return [...fields].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join();
}

function checkNames(fn: Fn, names: readonly string[]): void {
  if (names.length === 0) return;
  const final = finalNames(fn);
  for (const name of names) if (reserved.has(name) || final?.has(name) === true) throw reservedParameters();
}
