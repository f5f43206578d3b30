/** What a web action's result is as an answer: one way for each extension. */
import { isAllowedHeader } from "../../../http/answer-head.ts";
import { compactJson, jsonMembers } from "../../../lib/json-text.ts";
import { invalidMedia, noProperty, otherType, status, statusRange, unknownType } from "./errors.ts";
import { isBinary, isJson, type MediaType, mediaType } from "./media.ts";
import type { Extension } from "./request.ts";

export interface WebAnswer {
  readonly status: number;
  /** Names and values by turns, without the type. */
  readonly headers: readonly string[];
  /** Of the body; null: there is none. */
  readonly type: string | null;
  readonly body: Buffer;
}

/** A result, and its JSON as the code wrote it, where it is the whole of that. */
export interface WebResult {
  readonly value: unknown;
  readonly json: Buffer | null;
}

/** Throws `Refusal`. */
export function answerOf(extension: Extension, result: WebResult): WebAnswer {
  switch (extension) {
    case "http":
      return httpAnswer(result);
    case "json":
      return jsonAnswer(result);
    case "html":
      return markupAnswer(result, "html", "text/html");
    case "svg":
      return markupAnswer(result, "svg", "image/svg+xml");
    case "text":
      return textAnswer(result);
  }
}

const noBody = Buffer.alloc(0);
const jsonType = "application/json";
const utf8 = "; charset=UTF-8";

function whole(type: string, body: string): WebAnswer {
  return { status: status.ok, headers: [], type, body: Buffer.from(body) };
}

function jsonAnswer({ value, json }: WebResult): WebAnswer {
  if (typeof value !== "object" || value === null) throw invalidMedia(jsonType);
  return { status: status.ok, headers: [], type: jsonType, body: json ?? Buffer.from(JSON.stringify(value)) };
}

/** The member of an object, or what is none. */
function memberOf(value: unknown, name: string): unknown {
  if (!isObject(value)) return value;
  return value["body"] === undefined ? value[name] : value["body"];
}

function markupAnswer({ value }: WebResult, name: "html" | "svg", type: string): WebAnswer {
  const text = memberOf(value, name);
  if (typeof text !== "string") throw invalidMedia(type);
  return whole(name === "html" ? `${type}${utf8}` : type, text);
}

function textAnswer({ value }: WebResult): WebAnswer {
  const shown = memberOf(value, "text");
  if (shown === undefined) throw noProperty();
  return whole(`text/plain${utf8}`, typeof shown === "string" ? shown : JSON.stringify(shown, null, 2));
}

/** The result says all of the answer: `statusCode`, `headers` and `body`. */
function httpAnswer({ value, json }: WebResult): WebAnswer {
  if (!isObject(value)) throw invalidHttp();
  const { headers, typeGiven } = headersIn(value["headers"]);
  const code = statusIn(value["statusCode"]);
  const body = value["body"];
  if (body === undefined || body === null || body === "")
    return { status: code ?? status.noContent, headers, type: null, body: noBody };
  const given = typeGiven === null ? null : typeIn(typeGiven);
  const content = typeof body === "string" ? textContent(body, given) : jsonContent(body, json, given);
  return { status: code ?? status.ok, headers, ...content };
}

const invalidHttp = () => invalidMedia("message/http");

function statusIn(given: unknown): number | null {
  if (given === undefined) return null;
  const code = typeof given === "string" && /^[+-]?\d{1,9}$/.test(given) ? Number(given) : given;
  if (typeof code !== "number" || !Number.isInteger(code)) throw invalidHttp();
  if (code < statusRange.min || code > statusRange.max) throw invalidHttp();
  return code;
}

function headersIn(given: unknown): { readonly headers: readonly string[]; readonly typeGiven: string | null } {
  if (given === undefined) return { headers: [], typeGiven: null };
  if (!isObject(given)) throw invalidHttp();
  const headers: string[] = [];
  let typeGiven: string | null = null;
  for (const [name, value] of Object.entries(given)) {
    for (const text of valuesIn(value)) {
      if (!isAllowedHeader(name, text)) throw invalidHttp();
      if (name.toLowerCase() === "content-type") typeGiven ??= text;
      else headers.push(name, text);
    }
  }
  return { headers, typeGiven };
}

/** One header, or one for each of a list. */
function valuesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(valuesIn);
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return [String(value)];
  throw invalidHttp();
}

interface TypeGiven {
  readonly text: string;
  readonly media: MediaType;
}

function typeIn(text: string): TypeGiven {
  const media = mediaType(text);
  if (media === null) throw unknownType();
  return { text, media };
}

type Content = Pick<WebAnswer, "type" | "body">;

/** A number of many digits is not the same once it was read. */
const long = /\d{16}/;

function jsonContent(body: unknown, json: Buffer | null, given: TypeGiven | null): Content {
  if (given !== null && !isJson(given.media)) throw otherType();
  const written = json === null ? undefined : writtenBody(json.toString());
  return { type: given?.text ?? jsonType, body: Buffer.from(written ?? JSON.stringify(body)) };
}

/** The member `body` as the code wrote it, if that matters. */
function writtenBody(text: string): string | undefined {
  return long.test(text) ? jsonMembers(compactJson(text)).findLast(([name]) => name === "body")?.[1] : undefined;
}

function textContent(body: string, given: TypeGiven | null): Content {
  if (given === null) return { type: `text/html${utf8}`, body: Buffer.from(body) };
  const { text, media } = given;
  if (isJson(media)) return { type: text, body: decoded(body) ?? Buffer.from(body) };
  if (!isBinary(media)) return { type: `${withoutCharset(text)}${utf8}`, body: Buffer.from(body) };
  const bytes = decoded(body);
  if (bytes !== null) return { type: text, body: bytes };
  // Bytes, OpenWhisk says. As text it can only be meant as such.
  if (media.name.endsWith("+xml")) return { type: text, body: Buffer.from(body) };
  throw otherType();
}

/** What is sent is in UTF-8, whatever the action says. */
function withoutCharset(type: string): string {
  return type.replace(/\s*;\s*charset=(?:"[^"]*"|[^;]*)/i, "");
}

const base64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** Null: it is no base64. */
function decoded(text: string): Buffer | null {
  return text.length % 4 === 0 && base64.test(text) ? Buffer.from(text, "base64") : null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
