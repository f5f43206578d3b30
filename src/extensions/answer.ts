/** An extension's answer as bytes. */
import type { Answer } from "./extensions.ts";

export interface WholeAnswer {
  readonly status: number;
  /** Names and values by turns. */
  readonly headers: readonly string[];
  readonly body: Buffer;
}

/** Throws what is wrong with it: a fault of the extension. */
export function wholeAnswer({ status, headers = {}, body }: Answer): WholeAnswer {
  const given = Object.entries(headers);
  const [bytes, type] = bytesOf(body);
  const number = status ?? (body === undefined ? 204 : 200);
  if (!Number.isInteger(number) || number < 200 || number > 599) throw new Error(`Its answer has the status ${String(status)}`);
  const isTyped = type === null || given.some(([name]) => name.toLowerCase() === "content-type");
  const list = given.flatMap(([name, value]) => [name, String(value)]);
  return { status: number, headers: isTyped ? list : ["Content-Type", type, ...list], body: bytes };
}

function bytesOf(body: Answer["body"]): [bytes: Buffer, type: string | null] {
  if (body === undefined) return [Buffer.alloc(0), null];
  if (typeof body === "string") return [Buffer.from(body), "text/plain; charset=utf-8"];
  if (body instanceof Uint8Array) return [Buffer.from(body), "application/octet-stream"];
  return [Buffer.from(JSON.stringify(body)), "application/json; charset=utf-8"];
}
