/** The header lines of a message, which are the same in requests and answers (RFC 9112 section 5). */
import { Http1Error } from "./http1-error.ts";

const lines = /(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*/y;

/** Whether `text` from `start` to its end is nothing but well-formed header lines. */
export function areHeaders(text: string, start: number): boolean {
  lines.lastIndex = start;
  lines.test(text);
  return lines.lastIndex === text.length;
}

/** Names and values by turns. `text` is known to be well formed. Throws `Http1Error` head_too_large, naming the `message` they are of. */
export function splitHeaders(text: string, start: number, countMax: number, message: "request" | "answer"): string[] {
  const headers: string[] = [];
  for (let at = start; at < text.length; ) {
    if (headers.length === 2 * countMax) {
      throw new Http1Error("head_too_large", `The ${message} has more than ${countMax} headers`);
    }
    const colon = text.indexOf(":", at);
    const end = text.indexOf("\r\n", colon);
    headers.push(text.slice(at, colon), trimmed(text, colon + 1, end));
    at = end + 2;
  }
  return headers;
}

/** Without spaces and tabs at both ends. Not `trim`, which would eat the byte A0 of a UTF-8 letter. */
function trimmed(text: string, start: number, end: number): string {
  let from = start;
  let to = end;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

const isBlank = (code: number) => code === 32 || code === 9;

/** `connection`: the values of all Connection headers, a comma before each. */
export function staysOpen(http11: boolean, connection: string): boolean {
  if (connection === "") return http11;
  const options = connection.toLowerCase();
  if (/,[ \t]*close[ \t]*(?:,|$)/.test(options)) return false;
  return http11 || /,[ \t]*keep-alive[ \t]*(?:,|$)/.test(options);
}
