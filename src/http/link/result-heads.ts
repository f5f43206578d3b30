/** Heads of `result` frames on the link of a front (docs/frames.md). */
import { detached } from "../headers.ts";
import { bytesIn, lengthLine, linesOf, parse } from "./heads.ts";

/** What answers to equal requests have in common, rendered once. */
export class CommonHead {
  #status = 0;
  #headers: readonly string[] | null = null;
  #text = "";

  /** The same list of headers is not looked at again. Throws as `renderResultHead`. */
  render(status: number, headers: readonly string[]): string {
    if (status !== this.#status || headers !== this.#headers) {
      this.#text = detached(renderResultHead(status, headers, undefined));
      this.#status = status;
      this.#headers = headers;
    }
    return this.#text;
  }
}

/** Throws an Error where a name or a value could be read as another line. What else HTTP does not allow is found by the front. */
export function renderResultHead(status: number, headers: readonly string[], bytes: number | undefined): string {
  for (let i = 0; i < headers.length; i += 2) {
    if (/[:\n]/.test(headers[i] as string)) throw new Error("The name of a header is not a token");
    if (!valueRule.test(headers[i + 1] as string)) throw new Error("The value of a header has a forbidden character");
  }
  return `${lengthLine(bytes)}${status === 200 ? "" : `:status:${status}\n`}${linesOf(headers)}`;
}

/** A head that begins with what this answer alone has, so that the other end can find the rest again. */
export function renderOwn(own: readonly string[], common: string): string {
  return `:own:${own.length / 2}\n${linesOf(own)}${common}`;
}

// Characters over 255 would be cut to their low byte, which may be a line feed.
const valueRule = /^[\t\x20-\x7e\x80-\xff]*$/;

/** An answer as a handler gave it. */
export interface LinkResultHead {
  readonly status: number;
  /** The same list for answers that have these in common. */
  readonly headers: readonly string[];
  readonly bytes: number | undefined;
}

export interface OwnHeaders {
  readonly own: readonly string[];
  /** Where the common part begins. */
  readonly end: number;
}

/** Reads heads; parts that many answers have in common are parsed once. */
export class ResultHeads {
  /** Bounded, because functions choose them. */
  readonly #known = new Map<string, LinkResultHead>();

  /** Throws `RangeError` on what is no head. */
  read(text: string): { readonly head: LinkResultHead; readonly own: readonly string[] } {
    if (!text.startsWith(":own:")) return { head: parseHead(text), own: none };
    const { own, end } = ownIn(text);
    const common = text.slice(end);
    let head = this.#known.get(common);
    if (head === undefined) {
      head = parseHead(common);
      if (this.#known.size >= knownMax) this.#known.clear();
      if (common.length <= knownBytesMax) this.#known.set(detached(common), head);
    }
    return { head, own };
  }
}

const none: readonly string[] = [];
const knownMax = 512;
const knownBytesMax = 2048;

function parseHead(text: string): LinkResultHead {
  const { own, headers } = parse(text);
  const status = own.get("status");
  return { status: status === undefined ? 200 : Number(status), headers, bytes: bytesIn(own) };
}

/** The lines that `:own:` counts. */
function ownIn(text: string): OwnHeaders {
  const own: string[] = [];
  let start = text.indexOf("\n") + 1;
  for (let left = Number(text.slice(":own:".length, start - 1)); left > 0; left--) {
    const split = text.indexOf(":", start);
    const end = text.indexOf("\n", split);
    if (split < 0 || end < 0) throw new RangeError("The head of a result that ends too early");
    own.push(text.slice(start, split), text.slice(split + 1, end));
    start = end + 1;
  }
  return { own, end: start };
}
