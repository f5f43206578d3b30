/** Answers of functions as what a next one can be sent, and as what clients take for a result: a JSON object or array. */
import type { Fn } from "../model/model.ts";
import { compositionOf } from "../model/composition.ts";
import { isJsonType } from "../lib/json-type.ts";
import { oversizedText, resultBytesMax } from "../protocol/oversized-result.ts";
import type { CallResult } from "../store/store.ts";

/** `given`: what the function gave, as JSON text. `too_long`, `not_json`: it gave something else, and this says so. */
export interface JsonAnswer {
  readonly what: "given" | "too_long" | "not_json";
  readonly json: string;
}

/** Of an answer that is no JSON. */
export const invalidResult = "The action did not produce a valid JSON or JSON Array response.";

/** Text of another type is wrapped as it is, bytes in base64. `isPlain`: see `answersPlainJson`. */
export function jsonAnswer({ body, bytes, contentType }: CallResult, isPlain = false): JsonAnswer {
  const text = textOf(body);
  if (bytes > body.length || bytes > resultBytesMax) return { what: "too_long", json: errorJson(oversizedText(text, bytes)) };
  if (bytes === 0) return { what: "given", json: "{}" };
  if (isPlain) return { what: "given", json: text };
  if (!isJsonType(contentType)) return { what: "given", json: wrapped(body, text) };
  return jsonIn(text);
}

/** `{"error": text}`. */
export function errorJson(text: string): string {
  return `{"error":${JSON.stringify(text)}}`;
}

/** Whether an answer of this function that is no failure is such JSON, and without a member `error`, without looking. */
export function answersPlainJson(fn: Fn): boolean {
  const { source } = fn;
  return (source.type === "code" && source.convention === "parameters") || compositionOf(fn) !== null;
}

/** Whether JSON text is an object with a member `error`. */
export function hasError(json: string): boolean {
  if (!json.includes('"error"') && !json.includes("\\u")) return false;
  const value: unknown = JSON.parse(json);
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.hasOwn(value, "error");
}

function jsonIn(text: string): JsonAnswer {
  try {
    const value: unknown = JSON.parse(text);
    const isContainer = typeof value === "object" && value !== null;
    return { what: "given", json: isContainer ? text.trim() : `{"value":${text}}` };
  } catch {
    return { what: "not_json", json: errorJson(invalidResult) };
  }
}

function textOf(body: Uint8Array): string {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
}

function wrapped(body: Uint8Array, text: string): string {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return JSON.stringify({ value: Buffer.from(text).equals(bytes) ? text : bytes.toString("base64") });
}
