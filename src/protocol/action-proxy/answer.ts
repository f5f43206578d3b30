/** What a proxy's answers mean. The texts are OpenWhisk's: whoever has such images compares them. */
import { type BodySource, WholeBody } from "../../lib/body.ts";
import { PlatformError } from "../../model/error.ts";
import { limits } from "../../model/limits.ts";
import { oversizedText, resultBytesMax } from "../oversized-result.ts";
import type { FunctionResponse } from "../protocol.ts";

/** Of what is no answer, what is told of it. */
const shownCharactersMax = 1024;

/** A body as far as it may be used. */
export interface ReadBody {
  readonly text: string;
  readonly bytes: number;
}

/** Reads a body to its end, or to where it is too long for anything. */
export function readAnswer(body: BodySource): Promise<ReadBody> {
  return new Promise((resolve, reject) => {
    const kept: Buffer[] = [];
    let bytes = 0;
    const done = () => resolve({ text: Buffer.concat(kept).toString(), bytes });
    body.pipe({
      chunk(data) {
        if (bytes < resultBytesMax) kept.push(data.subarray(0, resultBytesMax - bytes));
        bytes += data.length;
        if (bytes <= limits.responseBytesMax) return true;
        body.cancel();
        done();
        return false;
      },
      end: done,
      fail: reject,
    });
  });
}

export const isOk = (status: number): boolean => status >= 200 && status < 300;

/** Why code could not be loaded. */
export function initFailure({ text }: ReadBody): PlatformError {
  const message = errorIn(text) ?? `The action failed during initialization${shown(text)}`;
  return new PlatformError("function_failed", message);
}

/** What a call comes to, as our own runtimes answer. Throws function_failed for what is no answer. */
export function responseOf(status: number, { text, bytes }: ReadBody): FunctionResponse {
  if (bytes > resultBytesMax) return failed(JSON.stringify(oversizedText(text, bytes)));
  const value = parsed(text);
  if (!isOk(status) || typeof value !== "object" || value === null) throw noAnswer(text);
  if (Array.isArray(value) || !Object.hasOwn(value, "error")) return json(200, text);
  return failed(JSON.stringify((value as { error: unknown }).error));
}

function failed(errorJson: string): FunctionResponse {
  return json(502, `{"error":${errorJson}}`);
}

function json(status: number, text: string): FunctionResponse {
  return { status, headers: ["content-type", "application/json"], body: new WholeBody(Buffer.from(text)) };
}

function noAnswer(text: string): PlatformError {
  const message = errorIn(text) ?? `The action did not produce a valid JSON or JSON Array response${shown(text)}`;
  return new PlatformError("function_failed", message);
}

/** The member `error` of an object, as text. */
function errorIn(text: string): string | null {
  const value = parsed(text);
  if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, "error")) return null;
  const { error } = value as { error: unknown };
  return typeof error === "string" ? error : JSON.stringify(error);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const shown = (text: string) => (text === "" ? "." : `: ${text.slice(0, shownCharactersMax)}`);
