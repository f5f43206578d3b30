import { LineSplitter } from "../../lib/lines.ts";
import type { LogLine } from "../../model/model.ts";

/** Calls whose ends are awaited: more than there are marks in a pipe that nobody reads. */
const callsMax = 1024;

type Line = Omit<LogLine, "at">;

/** Who printed. */
interface Printer {
  printed(line: Line): void;
}

type Stream = "stdout" | "stderr";

/**
 * Tells which call printed a line that comes by one of the program's own streams, where calls come one after the other. The runtime prints
 * `\n<mark> <id>\n` on both when a call is over, however late that is read: what comes before is that call's, or an earlier one's. Lines behind
 * the last mark are of the call after it, once it has begun. A mark is a secret of the runtime, ends only calls that have begun, and never one
 * twice; so whoever forges it ends its own call's output, of which only what is on its way then may go to the next.
 */
export class MarkedOutput {
  readonly #prefix: string;
  readonly #outside: (line: Line) => void;
  readonly #streams: Record<Stream, MarkedStream>;
  /** By id, in order; those that both streams have left are gone. */
  readonly #callers = new Map<number, Printer>();
  #newest = 0;

  /**
   * `outside` hears lines printed before the first call. `isMarked`: the runtime prints marks from the start; else it is asked to now, and until a
   * stream's first mark its lines are the newest call's.
   */
  constructor(mark: string, outside: (line: Line) => void, isMarked: boolean) {
    this.#prefix = `${mark} `;
    this.#outside = outside;
    this.#streams = { stdout: this.#stream("stdout", isMarked), stderr: this.#stream("stderr", isMarked) };
  }

  /** A call begins; ids count from 1. */
  called(id: number, caller: Printer): void {
    this.#newest = id;
    this.#callers.set(id, caller);
    if (this.#callers.size > callsMax) this.#callers.delete(this.#callers.keys().next().value as number);
  }

  push(name: Stream, data: Buffer): void {
    this.#streams[name].lines.push(data);
    this.#tellEarly(name, this.#newest);
  }

  /** No more output comes. */
  end(): void {
    for (const [name, stream] of Object.entries(this.#streams) as [Stream, MarkedStream][]) {
      stream.lines.end();
      if (stream.emptyHeld) this.#tell(name, "");
      stream.emptyHeld = false;
      this.#tellEarly(name, this.#newest);
    }
  }

  #stream(name: Stream, isMarked: boolean): MarkedStream {
    return new MarkedStream(isMarked, (text) => this.#line(name, text));
  }

  #line(name: Stream, text: string): void {
    const stream = this.#streams[name];
    if (text.startsWith(this.#prefix) && this.#isMark(name, text.slice(this.#prefix.length))) {
      // The line feed before a mark ends a line, or makes an empty one.
      stream.emptyHeld = false;
      return;
    }
    if (stream.emptyHeld) this.#tell(name, "");
    stream.emptyHeld = text === "";
    if (text !== "") this.#tell(name, text);
  }

  /** Where both streams lead into one, it has each mark twice. */
  #isMark(name: Stream, said: string): boolean {
    const stream = this.#streams[name];
    const id = /^\d{1,10}$/.test(said) ? Number(said) : 0;
    if (id === 0 || id < stream.ended || id > this.#newest) return false;
    stream.ended = id;
    this.#tellEarly(name, id);
    stream.isMarked = true;
    const ended = Math.min(...Object.values(this.#streams).map((each) => each.ended));
    for (const known of this.#callers.keys()) {
      if (known >= ended) break;
      this.#callers.delete(known);
    }
    return true;
  }

  #tell(name: Stream, text: string): void {
    const stream = this.#streams[name];
    if (stream.isMarked) this.#give(Math.min(stream.ended + 1, this.#newest), name, text);
    else stream.early.push(text);
  }

  /** Gives lines of a stream without a mark so far to a call: to that of the first mark, where it comes along with them. */
  #tellEarly(name: Stream, id: number): void {
    for (const text of this.#streams[name].early.splice(0)) this.#give(id, name, text);
  }

  #give(id: number, name: Stream, text: string): void {
    const caller = this.#callers.get(id) ?? this.#callers.get(this.#newest);
    if (caller === undefined) this.#outside({ stream: name, text });
    else caller.printed({ stream: name, text });
  }
}

/** Where one of the two streams stands. */
class MarkedStream {
  readonly lines: LineSplitter;
  /** The last call that is over. */
  ended = 0;
  /** An empty line that may be a mark's. */
  emptyHeld = false;
  /** Marks come on it. */
  isMarked: boolean;
  /** Lines of the piece of output that may have the first one. */
  readonly early: string[] = [];

  constructor(isMarked: boolean, line: (text: string) => void) {
    this.isMarked = isMarked;
    this.lines = new LineSplitter(line);
  }
}
