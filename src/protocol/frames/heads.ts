/**
 * Heads of `call` and `result` frames (docs/frames.md): lines of `name:value`. Written by us, and read from code that may send
 * anything.
 */
import { limits } from "../../model/limits.ts";
import { isHopByHop } from "../headers.ts";
import type { FunctionRequest, HttpOrigin } from "../protocol.ts";

/** The code sent something that its contract does not allow; the message completes "it sent …". */
export class Breach extends Error {}

/** The head of an answer. */
export interface ResultHead {
  readonly status: number;
  /** Names and values by turns. */
  readonly headers: readonly string[];
}

/** The part of a call's head that no other call has, as text in ASCII. Of few pieces, because each costs. */
export function callFields({ callId, deadlineAt, traceparent }: FunctionRequest): string {
  const deadline = deadlineLine(deadlineAt);
  return traceparent === undefined ? `:call:${callId}${deadline}` : `:call:${callId}${deadline}traceparent:${traceparent}\n`;
}

/** The rest of a call's head. Equal requests share their list of headers: the last one is kept as it is written. */
export class CallLines {
  #headers: readonly string[] | null = null;
  #lines: Buffer = Buffer.alloc(0);

  of({ headers, http }: FunctionRequest): Buffer {
    if (http !== null) return Buffer.from(originLines(http) + headerLines(headers));
    if (headers !== this.#headers) {
      this.#lines = Buffer.from(headerLines(headers));
      this.#headers = headers;
    }
    return this.#lines;
  }
}

function originLines({ method, url, target }: HttpOrigin): string {
  return `:method:${oneLine(method)}\n:url:${oneLine(url)}\n:target:${oneLine(target)}\n`;
}

/** Names become lower case; line breaks in values, which no door lets through, become spaces. */
function headerLines(headers: readonly string[]): string {
  let lines = "";
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    // A name that begins with a colon would pass for one of the platform's own fields.
    if (name.charCodeAt(0) !== colon) lines += `${oneLine(name.toLowerCase())}:${oneLine(headers[i + 1] as string)}\n`;
  }
  return lines;
}

/** Behind the call's id. Many calls end at the same millisecond. */
function deadlineLine(deadlineAt: number): string {
  const ms = Math.floor(deadlineAt);
  if (ms !== lastDeadline) {
    lastDeadline = ms;
    lastDeadlineLine = `\n:deadline:${ms}\n`;
  }
  return lastDeadlineLine;
}

let lastDeadline = Number.NaN;
let lastDeadlineLine = "";

const colon = 0x3a;

function oneLine(text: string): string {
  return text.includes("\n") || text.includes("\r") ? text.replaceAll(/[\r\n]/g, " ") : text;
}

/** Where the body begins in the payload of a result that lies from `start` to `end`; its head begins after four bytes. Throws `Breach`. */
export function resultBodyStart(data: Buffer, start: number, end: number): number {
  if (end - start < 4) throw new Breach("a result without a head");
  const bytes = data.readUInt32BE(start);
  if (bytes > limits.headerBytesMax)
    throw new Breach(`a head of ${bytes} bytes, more than the limit of ${limits.headerBytesMax}`);
  const bodyStart = start + 4 + bytes;
  if (bodyStart > end) throw new Breach(`a head of ${bytes} bytes in a payload of ${end - start}`);
  return bodyStart;
}

/** Parses heads. Successive answers of a function mostly have the same: a head with the bytes of the one before it costs one comparison. */
export class HeadMemory {
  #bytes: Buffer = Buffer.alloc(0);
  #head: ResultHead = { status: 200, headers: [] };

  read(data: Buffer, start: number, end: number): ResultHead {
    if (!isAt(this.#bytes, data, start, end)) {
      this.#head = parseHead(data.toString("utf8", start, end));
      this.#bytes = Buffer.from(data.subarray(start, end));
    }
    return this.#head;
  }
}

/** Byte by byte: heads are short, and a call of `compare` takes longer. */
function isAt(bytes: Buffer, data: Buffer, start: number, end: number): boolean {
  if (bytes.length !== end - start) return false;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== data[start + i]) return false;
  return true;
}

// What a field and its value may consist of: RFC 9110, sections 5.1 and 5.5.
const nameRule = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const valueRule = /^[\t\x20-\x7e\x80-\xff]*$/;
/** About the connection or the framing, which is the platform's affair towards the caller. */
const isDropped = (name: string): boolean => name === "content-length" || isHopByHop(name);

function parseHead(text: string): ResultHead {
  if (text !== "" && !text.endsWith("\n")) throw new Breach("a head whose last line has no end");
  let status = 200;
  const headers: string[] = [];
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf("\n", start);
    const split = text.indexOf(":", start + 1);
    if (split < 0 || split > end) throw new Breach(`a line of the head without a colon: ${shown(text.slice(start, end))}`);
    const name = text.slice(start, split);
    const value = text.slice(split + 1, end);
    if (name === ":status") status = parseStatus(value);
    else if (name.charCodeAt(0) !== colon) addHeader(headers, name, value);
    start = end + 1;
  }
  return { status, headers };
}

function parseStatus(value: string): number {
  if (!/^[2-5][0-9][0-9]$/.test(value)) throw new Breach(`the status ${shown(value)}, which is none from 200 to 599`);
  return Number(value);
}

function addHeader(headers: string[], name: string, value: string): void {
  if (!nameRule.test(name)) throw new Breach(`${shown(name)} as the name of a header`);
  if (!valueRule.test(value)) throw new Breach(`a value of header ${name} with characters that headers cannot carry`);
  if (isDropped(name)) return;
  headers.push(name, value);
  if (headers.length > 2 * limits.headerCountMax) throw new Breach(`more than ${limits.headerCountMax} headers`);
}

/** Of something the code sent, as much as a message can carry. */
function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
