/**
 * Parses the heads of HTTP/1.x requests (RFC 9112), more strictly than the standard asks: whatever two parsers could read in two
 * ways is refused, for that is what smuggled requests are made of. Deliberately absent: bytes that are still coming
 * (`http1-server-reader.ts`), and who may ask what.
 */
import { METHODS } from "node:http";
import { areHeaders, splitHeaders, staysOpen } from "./http1-headers.ts";
import { Http1Error } from "./http1-error.ts";

export interface RequestLimits {
  /** The request line, in bytes. */
  readonly lineBytesMax: number;
  /** The whole head, request line included; also all trailers of a chunked body. */
  readonly headerBytesMax: number;
  readonly headerCountMax: number;
}

/** Value of `RequestHead.framing` for a body in chunks. */
export const chunkedFraming = -1;

/** A head that was well formed. It never changes, so that equal heads can be one object. */
export interface RequestHead {
  readonly method: string;
  /** Path and query as sent, whatever form the target had. */
  readonly target: string;
  /** `target` up to the question mark. */
  readonly path: string;
  /** Names and values by turns, as sent. Bytes over 127 are one character each (latin1). */
  readonly headers: readonly string[];
  /** Of the target where it has one, else of the header; undefined only in HTTP/1.0. */
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** There is an Authorization header. */
  readonly authorized: boolean;
  /** Bytes of the body, or `chunkedFraming`. */
  readonly framing: number;
  readonly http11: boolean;
  /** The client will send another request on this connection. */
  readonly keepAlive: boolean;
  /** What the client expects before it sends its body. */
  readonly expect: "nothing" | "continue" | "unknown";
  /** The client asks for another protocol. */
  readonly upgrade: boolean;
  /** Whatever its reader found out about it and keeps with it: the one thing that changes. Null at first. */
  known: unknown;
}

/** Those of node:http, whose parser refuses all others. A tunnel is never opened here. */
const methods: ReadonlySet<string> = new Set(METHODS.filter((method) => method !== "CONNECT"));

const requestLine = /^([A-Z-]+) ([!-"$-~]+) HTTP\/1\.([01])\r\n/;
const absoluteForm = /^https?:\/\/([^/?]+)(.*)$/i;
const chunkedLine = /\ntransfer-encoding: ?chunked\r\n/i;
const hostRule = /^(?:[\w.~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?$/;

/** Parses a head that ends with the CRLF of its last line. Throws `Http1Error`. */
export function parseRequestHead(text: string, limits: RequestLimits): RequestHead {
  const line = requestLine.exec(text);
  if (line === null) throw badLine(text, limits);
  const [{ length: start }, method, rawTarget, minor] = line as unknown as [string, string, string, string];
  if (start - 2 > limits.lineBytesMax) throw lineTooLarge(limits);
  if (!methods.has(method)) throw garbage("the method is unknown");
  if (!areHeaders(text, start)) throw garbage("a header is malformed");
  const headers = splitHeaders(text, start, limits.headerCountMax, "request");
  const { authority, target } = originForm(method, rawTarget);
  const question = target.indexOf("?");
  const path = question === -1 ? target : target.slice(0, question);
  const http11 = minor === "1";
  const known = meaning(headers, http11, authority);
  // Blanks around it that parsers know or do not know have made two messages of one.
  if (known.framing === chunkedFraming && !chunkedLine.test(text)) throw badCoding();
  return { method, target, path, headers, http11, ...known, known: null };
}

/** The head is not valid HTTP/1.1; the message completes "The request is not valid HTTP/1.1: …". */
export function garbage(message: string): Http1Error {
  return new Http1Error("garbage", message);
}

/** 431, naming the bound. */
export function headTooLarge({ headerBytesMax }: RequestLimits): Http1Error {
  return new Http1Error("head_too_large", `The request's headers are larger than the limit of ${headerBytesMax} bytes`);
}

function lineTooLarge({ lineBytesMax }: RequestLimits): Http1Error {
  return new Http1Error("head_too_large", `The request's first line is larger than the limit of ${lineBytesMax} bytes`);
}

function badLine(text: string, limits: RequestLimits): Http1Error {
  return text.indexOf("\r\n") > limits.lineBytesMax ? lineTooLarge(limits) : garbage("its first line is malformed");
}

/** `GET http://host/path` means the same as `GET /path` with that Host (RFC 9112 section 3.2.2). */
function originForm(method: string, target: string): { authority: string | undefined; target: string } {
  if (target.startsWith("/") || (target === "*" && method === "OPTIONS")) return { authority: undefined, target };
  const match = absoluteForm.exec(target);
  if (match === null || !hostRule.test(match[1] as string)) throw garbage("its target is neither a path nor a URL");
  const rest = match[2] as string;
  return { authority: match[1], target: rest.startsWith("/") ? rest : `/${rest}` };
}

type Meaning = Pick<RequestHead, "host" | "origin" | "authorized" | "framing" | "keepAlive" | "expect" | "upgrade">;

/** What the headers say to a server, in one walk. The length of a name tells most of them apart. */
function meaning(headers: readonly string[], http11: boolean, authority: string | undefined): Meaning {
  let host: string | undefined;
  let origin: string | undefined;
  let authorized = false;
  let length = -1;
  let chunked = false;
  let connection = "";
  let expect = "";
  let upgrade = false;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    switch (name.length) {
      case 4:
        if (is(name, "host")) host = onlyHost(value, host);
        break;
      case 6:
        if (is(name, "origin")) origin = value;
        else if (is(name, "expect")) expect += value.toLowerCase();
        break;
      case 7:
        if (is(name, "upgrade")) upgrade = true;
        break;
      case 10:
        if (is(name, "connection")) connection += `,${value}`;
        break;
      case 13:
        if (is(name, "authorization")) authorized = true;
        break;
      case 14:
        if (is(name, "content-length")) length = onlyLength(value, length);
        break;
      case 16:
        // Never a standard, and read by many.
        if (is(name, "proxy-connection")) connection += `,${value}`;
        break;
      case 17:
        if (is(name, "transfer-encoding")) chunked = onlyChunked(value, chunked, http11);
        break;
    }
  }
  if (chunked && length >= 0) throw garbage("it has both Content-Length and Transfer-Encoding");
  if (host === undefined && http11) throw garbage("it has no Host header");
  return {
    host: authority ?? host,
    origin,
    authorized,
    framing: chunked ? chunkedFraming : Math.max(0, length),
    keepAlive: staysOpen(http11, connection),
    expect: expect === "" || !http11 ? "nothing" : expect === "100-continue" ? "continue" : "unknown",
    upgrade,
  };
}

function is(name: string, lower: string): boolean {
  return name === lower || name.toLowerCase() === lower;
}

function onlyHost(value: string, known: string | undefined): string {
  if (known !== undefined) throw garbage("it has more than one Host header");
  if (!hostRule.test(value)) throw garbage("its Host is no host");
  return value;
}

function onlyLength(value: string, known: number): number {
  if (known >= 0) throw garbage("it has more than one Content-Length");
  if (!/^\d{1,15}$/.test(value)) throw garbage("its Content-Length is not a length");
  return Number(value);
}

function onlyChunked(value: string, known: boolean, http11: boolean): true {
  if (known || !http11 || value.toLowerCase() !== "chunked") throw badCoding();
  return true;
}

const badCoding = () => garbage("its Transfer-Encoding is other than chunked");
