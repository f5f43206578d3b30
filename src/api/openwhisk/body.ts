/** Bodies of requests that make or change something. */
import { parseJson } from "../../http/json.ts";
import type { HttpRequest } from "../../http/http.ts";
import { readBody } from "../../lib/body.ts";
import { asPlatformError } from "../../model/error.ts";
import { malformed, noEntity, tooLarge, wrongType } from "./errors.ts";

/** The object in a body. Throws `Refusal`. */
export async function objectIn(request: HttpRequest, bytesMax: number): Promise<Readonly<Record<string, unknown>>> {
  checkType(request.header("content-type"));
  const { bytes } = request.body;
  const body = await readBody(request.body, bytesMax, () => tooLarge("Request", bytes ?? bytesMax + 1, bytesMax));
  if (body.length === 0) throw noEntity();
  const value = valueIn(body.toString());
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed("Object expected");
  return value as Readonly<Record<string, unknown>>;
}

function valueIn(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw malformed(asPlatformError(error).message);
  }
}

/** Throws `Refusal`. */
export function checkType(type: string | undefined): void {
  if (!isJson(type)) throw wrongType(type ?? "application/octet-stream");
}

function isJson(type: string | undefined): boolean {
  if (type === "application/json") return true;
  return type !== undefined && type.split(";", 1)[0]?.trim().toLowerCase() === "application/json";
}
