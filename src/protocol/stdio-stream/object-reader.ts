import { PlatformError } from "../../model/error.ts";
import { limits } from "../../model/limits.ts";
import { printable } from "../../lib/printable.ts";

/** What an answer may have as JSON: all of it is in memory. */
const bytesMax = limits.responseBytesMax + 1024 * 1024;

const [quote, backslash, opening, closing] = [0x22, 0x5c, 0x7b, 0x7d];

/** Finds the end of a JSON object that comes in pieces; its grammar is left to `JSON.parse`. */
export class ObjectReader {
  #pieces: Buffer[] = [];
  #bytes = 0;
  #depth = 0;
  #state: "plain" | "string" | "escape" = "plain";

  /**
   * Takes a piece; the object's text and where the piece goes on behind it as soon as it is whole, else null. Throws
   * `function_protocol` at the first byte that begins no object, `response_too_large`.
   */
  push(data: Buffer): { readonly text: string; readonly end: number } | null {
    const start = this.#bytes === 0 ? blankUntil(data) : 0;
    if (start === data.length) return null;
    if (this.#bytes === 0 && data[start] !== opening) throw noObject(data.subarray(start));
    const end = this.#endOf(data, start);
    this.#bytes += end - start;
    this.#pieces.push(data.subarray(start, end));
    if (this.#bytes > bytesMax) throw tooLarge();
    if (this.#depth > 0) return null;
    const text = Buffer.concat(this.#pieces, this.#bytes).toString("utf8");
    this.#pieces = [];
    this.#bytes = 0;
    return { text, end };
  }

  /** Where the object ends, or the piece. */
  #endOf(data: Buffer, start: number): number {
    for (let at = start; at < data.length; at++) {
      const byte = data[at];
      if (this.#state === "escape") this.#state = "string";
      else if (this.#state === "string") {
        if (byte === quote) this.#state = "plain";
        else if (byte === backslash) this.#state = "escape";
      } else if (byte === quote) this.#state = "string";
      else if (byte === opening) this.#depth++;
      else if (byte === closing && --this.#depth === 0) return at + 1;
    }
    return data.length;
  }
}

/** How many bytes at the beginning are the white space that JSON allows between values. */
export function blankUntil(data: Buffer): number {
  let at = 0;
  while (at < data.length && isBlank(data[at] as number)) at++;
  return at;
}

const isBlank = (byte: number) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** The beginning of what a program printed, as a message can show it. */
export function shown(data: Buffer): string {
  const text = printable(data.subarray(0, 80).toString("utf8").trim());
  return `"${text}${data.length > 80 ? "…" : ""}"`;
}

function noObject(data: Buffer): PlatformError {
  return new PlatformError(
    "function_protocol",
    `The program printed ${shown(data)} where its answer should be, which is a JSON object; what is no answer belongs on STDERR`,
  );
}

function tooLarge(): PlatformError {
  return new PlatformError("response_too_large", `The function's answer is over the limit of ${bytesMax} bytes as JSON`);
}
