/** Writes HTTP/1.1 requests: heads that cannot be split by what is in them, and bodies in the two framings. */
import type { Writable } from "node:stream";
import type { BodySink, BodySource } from "../lib/body.ts";
import { PlatformError } from "../model/error.ts";

export interface Http1RequestHead {
  readonly method: string;
  readonly target: string;
  /** Names and values by turns, Host among them. Framing headers (Connection, Content-Length, ...) in it are left out. */
  readonly headers: readonly string[];
}

const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const targetPattern = /^[\x21-\x7e\x80-\xff]+$/;
// Characters over 255 would be cut to their low byte, which may be a CR or LF.
const valuePattern = /^[\t\x20-\x7e\x80-\xff]*$/;

/** The first line of a head. Throws PlatformError invalid on anything that could end it. */
export function requestLine(method: string, target: string): string {
  if (!tokenPattern.test(method)) throw new PlatformError("invalid", "The method of the request is not a token");
  if (!targetPattern.test(target)) throw new PlatformError("invalid", "The target of the request has a forbidden character");
  return `${method} ${target} HTTP/1.1\r\n`;
}

/** The lines of headers, without those about framing. Throws PlatformError invalid on anything that could end one. */
export function headerLines(headers: readonly string[]): string {
  let text = "";
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    const start = lineStart(name);
    if (start === "") continue;
    if (!valuePattern.test(value)) throw new PlatformError("invalid", `The request header ${name} has a forbidden character`);
    text += `${start}${value}\r\n`;
  }
  return text;
}

/** What comes after the lines of the headers. `bodyBytes` undefined: the body is chunked. */
export function headEnd(method: string, bodyBytes: number | undefined): string {
  if (bodyBytes === undefined) return "Transfer-Encoding: chunked\r\n\r\n";
  if (bodyBytes === 0 && !expectsBody(method)) return "\r\n";
  return `Content-Length: ${bodyBytes}\r\n\r\n`;
}

/** RFC 9110 section 8.6: a length of 0 is only said where the method defines a body. */
const expectsBody = (method: string) => method === "POST" || method === "PUT" || method === "PATCH";

/** Names come again and again, so each is looked at once. Bounded, because callers choose them. */
const lineStarts = new Map<string, string>();
const lineStartsMax = 1000;

/** A name as it begins its line; empty for a header about framing. */
function lineStart(name: string): string {
  const known = lineStarts.get(name);
  if (known !== undefined) return known;
  if (!tokenPattern.test(name)) throw new PlatformError("invalid", "The name of a request header is not a token");
  // In memory of its own: a part of a caller's head would keep the whole head.
  const own = Buffer.from(name, "latin1").toString("latin1");
  const start = isFraming(own) ? "" : `${own}: `;
  if (lineStarts.size < lineStartsMax && name.length <= 64) lineStarts.set(own, start);
  return start;
}

function isFraming(name: string): boolean {
  switch (name.length) {
    case 6:
      return name.toLowerCase() === "expect";
    case 10:
      return name.toLowerCase() === "connection" || name.toLowerCase() === "keep-alive";
    case 14:
      return name.toLowerCase() === "content-length";
    case 17:
      return name.toLowerCase() === "transfer-encoding";
    default:
      return false;
  }
}

/** Streams one body to a connection; the connection calls `drained` when it can take more. */
export class RequestBodyWriter implements BodySink {
  readonly #stream: Writable;
  readonly #source: BodySource;
  /** Hears once, with the error if the source failed or lied about its length. */
  readonly #done: (error?: Error) => void;
  #written = 0;
  #live = true;

  constructor(stream: Writable, source: BodySource, done: (error?: Error) => void) {
    this.#stream = stream;
    this.#source = source;
    this.#done = done;
  }

  start(): void {
    this.#source.pipe(this);
  }

  drained(): void {
    if (this.#live) this.#source.resume();
  }

  cancel(): void {
    if (!this.#live) return;
    this.#live = false;
    this.#source.cancel();
  }

  chunk(data: Buffer): boolean {
    if (!this.#live) return false;
    if (data.length === 0) return true;
    this.#written += data.length;
    const bytes = this.#source.bytes;
    if (bytes === undefined) return this.#writeChunk(data);
    if (this.#written <= bytes) return this.#stream.write(data);
    this.cancel();
    this.#done(new Error(`The request body is longer than the ${bytes} bytes announced`));
    return false;
  }

  #writeChunk(data: Buffer): boolean {
    this.#stream.cork();
    this.#stream.write(`${data.length.toString(16)}\r\n`, "latin1");
    this.#stream.write(data);
    const more = this.#stream.write("\r\n", "latin1");
    this.#stream.uncork();
    return more;
  }

  end(): void {
    if (!this.#live) return;
    this.#live = false;
    const bytes = this.#source.bytes;
    if (bytes === undefined) this.#stream.write("0\r\n\r\n", "latin1");
    const short = bytes !== undefined && this.#written < bytes;
    this.#done(short ? new Error(`The request body ended before the ${bytes} bytes announced`) : undefined);
  }

  fail(error: Error): void {
    if (!this.#live) return;
    this.#live = false;
    this.#done(error);
  }
}
