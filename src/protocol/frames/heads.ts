/**
 * Heads of `call` and `result` frames (docs/frames.md): lines of `name:value`. Written by us, and read from code that may send
 * anything.
 */
import { limits } from "../../model/limits.ts";
import { isHopByHop } from "../headers.ts";
import type { FunctionRequest } from "../protocol.ts";

/** The code sent something that its contract does not allow; the message completes "it sent …". */
export class Breach extends Error {}

/** The head of an answer. */
export interface ResultHead {
  readonly status: number;
  /** Names and values by turns. */
  readonly headers: readonly string[];
}

/** The head of a call as text. Header names become lower case; line breaks in values, which no door lets through, become spaces. */
export function callHead(request: FunctionRequest): string {
  let head = `:call:${request.callId}\n:deadline:${Math.floor(request.deadlineAt)}\n`;
  const { headers, http } = request;
  if (http !== null) head += `:method:${oneLine(http.method)}\n:url:${oneLine(http.url)}\n:target:${oneLine(http.target)}\n`;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    // A name that begins with a colon would pass for one of the platform's own fields.
    if (name.charCodeAt(0) !== colon) head += `${oneLine(name.toLowerCase())}:${oneLine(headers[i + 1] as string)}\n`;
  }
  return head;
}

const colon = 0x3a;

function oneLine(text: string): string {
  return text.includes("\n") || text.includes("\r") ? text.replaceAll(/[\r\n]/g, " ") : text;
}

/**
 * Reads the head at the start of a result's payload. Throws `Breach`. Gives also where the body begins.
 * Successive answers of a function mostly have the same head: `memory` keeps the last one.
 */
export function readResultHead(payload: Buffer, memory: HeadMemory): { head: ResultHead; bodyStart: number } {
  if (payload.length < 4) throw new Breach("a result without a head");
  const bytes = payload.readUInt32BE(0);
  if (bytes > limits.headerBytesMax)
    throw new Breach(`a head of ${bytes} bytes, more than the limit of ${limits.headerBytesMax}`);
  const bodyStart = 4 + bytes;
  if (bodyStart > payload.length) throw new Breach(`a head of ${bytes} bytes in a payload of ${payload.length}`);
  return { head: memory.read(payload.toString("utf8", 4, bodyStart)), bodyStart };
}

/** Parses heads; a head with the text of the one before it costs one comparison. */
export class HeadMemory {
  #text = "";
  #head: ResultHead = { status: 200, headers: [] };

  read(text: string): ResultHead {
    if (text !== this.#text) {
      this.#head = parseHead(text);
      this.#text = text;
    }
    return this.#head;
  }
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
