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
  let text = statusLine(status);
  let date = frame.date;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const kind = kindOf(name);
    if (kind === "framing" || (kind === "length" && frame.method !== "HEAD")) continue;
    if (kind === "date") date = "";
    const value = headers[i + 1] as string;
    if (!valueRule.test(value)) throw new Error(`The value of header ${name} has a forbidden character`);
    text += `${name}: ${value}\r\n`;
  }
  // An answer to HEAD may tell the length of what GET would give; that one is the handler's, if it gave any.
  if (frame.method !== "HEAD" && mayHaveBody(status)) {
    if (frame.framing >= 0) text += `Content-Length: ${frame.framing}\r\n`;
    else if (frame.framing === answerFraming.chunked) text += "Transfer-Encoding: chunked\r\n";
  }
  return `${text}${date}${frame.connection}\r\n`;
}

/** The line of the date, made once a second. */
export class DateLine {
  readonly #world: World;
  #second = 0;
  #line = "";

  constructor(world: World) {
    this.#world = world;
  }

  get text(): string {
    const second = Math.floor(this.#world.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#line = `Date: ${new Date(second * 1000).toUTCString()}\r\n`;
    }
    return this.#line;
  }
}

const nameRule = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// Characters over 255 would be cut to their low byte, which may be a CR or LF.
const valueRule = /^[\t\x20-\x7e\x80-\xff]*$/;

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
