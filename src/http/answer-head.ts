import { STATUS_CODES } from "node:http";
import type { World } from "../lib/world.ts";
import { detached, isHopByHop } from "./headers.ts";
import { mayHaveBody } from "./response-headers.ts";

/** How the end of an answer's body is told, where that is not its length in bytes. */
export const answerFraming = { chunked: -1, untilClose: -2 } as const;

/** What a head says besides its headers. */
export interface HeadFrame {
  readonly method: string;
  /** Bytes of the body, or one of `answerFraming`. */
  readonly framing: number;
  /** Lines about the connection, each with its CRLF. */
  readonly connection: string;
  /** The line of the date, with its CRLF. */
  readonly date: string;
}

/**
 * The head of an answer as text, in which nothing that a handler (or the function behind it) says can end a line or frame the message.
 * Throws an Error on a status, a name or a value that HTTP does not allow.
 */
export function renderAnswerHead(status: number, headers: readonly string[], frame: HeadFrame): string {
  const { lines, dated } = headerLines(headers, frame.method);
  return headText(statusLine(status) + lines, status, dated, frame);
}

/** The heads of answers that look alike: what they begin with is rendered once. All are to requests with the same method. */
export class AnswerHeads {
  #status = 0;
  #headers: readonly string[] | null = null;
  #start = "";
  #dated = false;

  /** As `renderAnswerHead`; the same list of headers is not looked at again, nor is `own` at all. */
  render(status: number, headers: readonly string[], own: readonly string[], frame: HeadFrame): string {
    if (headers !== this.#headers || status !== this.#status) {
      const { lines, dated } = headerLines(headers, frame.method);
      // In one piece, which is copied faster than parts.
      this.#start = detached(statusLine(status) + lines);
      this.#dated = dated;
      this.#status = status;
      this.#headers = headers;
    }
    let start = this.#start;
    for (let i = 0; i < own.length; i += 2) start += `${own[i] as string}: ${own[i + 1] as string}\r\n`;
    return headText(start, status, this.#dated, frame);
  }
}

function headerLines(headers: readonly string[], method: string): { readonly lines: string; readonly dated: boolean } {
  let lines = "";
  let dated = false;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const kind = kindOf(name);
    if (kind === "framing" || (kind === "length" && method !== "HEAD")) continue;
    if (kind === "date") dated = true;
    const value = headers[i + 1] as string;
    if (!valueRule.test(value)) throw new Error(`The value of header ${name} has a forbidden character`);
    lines += `${name}: ${value}\r\n`;
  }
  return { lines, dated };
}

function headText(start: string, status: number, dated: boolean, { method, framing, connection, date }: HeadFrame): string {
  return `${start}${framingLine(status, method, framing)}${dated ? "" : date}${connection}\r\n`;
}

function framingLine(status: number, method: string, framing: number): string {
  // An answer to HEAD may tell the length of what GET would give; that one is the handler's, if it gave any.
  if (method === "HEAD" || !mayHaveBody(status)) return "";
  if (framing >= 0) return `Content-Length: ${framing}\r\n`;
  return framing === answerFraming.chunked ? "Transfer-Encoding: chunked\r\n" : "";
}

/** The line of the date, made once a second. While nobody asks, no timer runs. */
export class DateLine {
  readonly #world: World;
  #line = "";
  #fresh = false;

  constructor(world: World) {
    this.#world = world;
  }

  get text(): string {
    if (!this.#fresh) this.#renew();
    return this.#line;
  }

  #renew(): void {
    const now = this.#world.now();
    this.#line = `Date: ${new Date(now).toUTCString()}\r\n`;
    this.#fresh = true;
    this.#world.after(1000 - (now % 1000), () => {
      this.#fresh = false;
    });
  }
}

const nameRule = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// Characters over 255 would be cut to their low byte, which may be a CR or LF.
const valueRule = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Whether HTTP allows such a header. */
export function isAllowedHeader(name: string, value: string): boolean {
  return nameRule.test(name) && valueRule.test(value);
}

const statusLines = new Map<number, string>();

function statusLine(status: number): string {
  let line = statusLines.get(status);
  if (line === undefined) {
    if (!Number.isInteger(status) || status < 200 || status > 999) throw new Error(`${status} is not the status of an answer`);
    line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "unknown"}\r\n`;
    statusLines.set(status, line);
  }
  return line;
}

type Kind = "plain" | "date" | "length" | "framing";

/** Answers use few names, so each is looked at once. Bounded, because functions choose them. */
const kinds = new Map<string, Kind>();
const kindsMax = 1000;

function kindOf(name: string): Kind {
  const known = kinds.get(name);
  if (known !== undefined) return known;
  if (!nameRule.test(name)) throw new Error("The name of a header is not a token");
  const lower = name.toLowerCase();
  const kind = lower === "content-length" ? "length" : lower === "date" ? "date" : isHopByHop(lower) ? "framing" : "plain";
  if (kinds.size < kindsMax && name.length <= 64) kinds.set(detached(name), kind);
  return kind;
}
