import { LineSplitter } from "../../lib/lines.ts";
import type { LogLine } from "../../model/model.ts";

/** Ids remembered: more than there are marks in a pipe that nobody reads. */
const idsMax = 2048;

/** Callers remembered besides: one holds on to much more. Lines of calls before these are told with the id alone. */
const callersMax = 32;

type Stream = "stdout" | "stderr";

/**
 * Tells which call printed a line. Kits print `\n<frame name>=<call id>\n` on both streams before each call; what follows on
 * that stream is of that call. Marks of calls that this session never ran, or that go back in time, are only text.
 *
 * `unknown`: no mark yet, lines are nobody's. `marks`: a mark was seen. `none`: a call went by, and what was printed next had
 * no mark before it or behind it, so this kit prints none, and lines are the newest call's. Behind it counts too: output may be
 * read long after the answer, and what a kit prints while it loads then comes together with the first mark.
 */
export class OutputAttribution<Caller = null> {
  readonly #prefix: string;
  readonly #log: Log<Caller>;
  readonly #streams: Record<Stream, StreamOutput<Caller>>;
  /** By number, in turn: most calls are never looked up, since they print nothing. */
  readonly #recent: Call<Caller>[] = [];
  #kit: "unknown" | "marks" | "none" = "unknown";
  #calls = 0;
  #newest: Call<Caller> | null = null;
  /** Lines of the piece of output that decides what kind of kit this is, with their calls by marks. */
  #undecided: [call: Call<Caller> | null, text: string][] | null = null;

  /** `log` hears each line, with null where it is nobody's. */
  constructor(frameName: string, log: Log<Caller>) {
    this.#prefix = `${frameName}=`;
    this.#log = log;
    this.#streams = {
      stdout: new StreamOutput((text) => this.#line("stdout", text)),
      stderr: new StreamOutput((text) => this.#line("stderr", text)),
    };
  }

  /** A call begins. `caller` comes back with its lines. */
  called(callId: string, caller: Caller | null = null): void {
    const number = ++this.#calls;
    const call: Call<Caller> = { id: callId, number, caller };
    this.#newest = call;
    this.#recent[number % idsMax] = call;
    if (number > callersMax) this.#numbered(number - callersMax).caller = null;
  }

  push(stream: Stream, data: Buffer): void {
    if (this.#isMark(this.#streams[stream], data)) return;
    if (this.#kit !== "unknown" || this.#calls < 2) return this.#streams[stream].lines.push(data);
    this.#undecided = [];
    this.#streams[stream].lines.push(data);
    const lines = this.#undecided;
    this.#undecided = null;
    if (this.#kit === "unknown" && lines.length > 0) this.#kit = "none";
    for (const [call, text] of lines) this.#tell(call, stream, text);
  }

  /** No more output comes. */
  end(): void {
    for (const name of ["stdout", "stderr"] as const) {
      const stream = this.#streams[name];
      stream.lines.end();
      if (stream.emptyHeld) this.#emit(name, "");
      stream.emptyHeld = false;
    }
  }

  /** Of a kit that prints marks, nearly every piece is one and nothing else. */
  #isMark(stream: StreamOutput<Caller>, data: Buffer): boolean {
    if (this.#kit !== "marks" || stream.emptyHeld || !stream.lines.isEmpty) return false;
    if (data.length !== this.#prefix.length + (this.#newest?.id.length ?? 0) + 2) return false;
    const text = data.toString("latin1");
    if (!text.startsWith(this.#prefix, 1) || text[0] !== "\n" || !text.endsWith("\n")) return false;
    if (!this.#mark(stream, text.slice(this.#prefix.length + 1, -1))) return false;
    stream.afterMark = true;
    return true;
  }

  #line(name: Stream, text: string): void {
    const stream = this.#streams[name];
    if (text.startsWith(this.#prefix) && this.#mark(stream, text.slice(this.#prefix.length))) {
      stream.emptyHeld = false;
      stream.afterMark = true;
      return;
    }
    if (stream.emptyHeld) this.#emit(name, "");
    // The line feed before a mark makes an empty line, and the Python kit's makes one after it.
    const skipped = text === "" && stream.afterMark;
    stream.afterMark = false;
    stream.emptyHeld = text === "" && !skipped;
    if (text !== "") this.#emit(name, text);
  }

  #mark(stream: StreamOutput<Caller>, callId: string): boolean {
    // Java's kit leads both streams into one, and so prints each mark twice there.
    const oldest = Math.max(stream.number, this.#calls - idsMax + 1, 1);
    for (let number = this.#calls; number >= oldest; number--) {
      const call = this.#numbered(number);
      if (call.id !== callId) continue;
      this.#kit = "marks";
      stream.call = call;
      return true;
    }
    return false;
  }

  #numbered(number: number): Call<Caller> {
    return this.#recent[number % idsMax] as Call<Caller>;
  }

  #emit(stream: Stream, text: string): void {
    const { call } = this.#streams[stream];
    if (this.#undecided !== null) this.#undecided.push([call, text]);
    else this.#tell(call, stream, text);
  }

  #tell(marked: Call<Caller> | null, stream: Stream, text: string): void {
    const call = this.#kit === "none" ? this.#newest : marked;
    if (call === null) this.#log(null, { stream, text }, null);
    else this.#log(call.id, { stream, text }, call.caller);
  }
}

type Log<Caller> = (callId: string | null, line: Omit<LogLine, "at">, caller: Caller | null) => void;

interface Call<Caller> {
  readonly id: string;
  /** Higher than those of the calls before it. */
  readonly number: number;
  caller: Caller | null;
}

/** Where one of the two streams stands. */
class StreamOutput<Caller> {
  readonly lines: LineSplitter;
  /** The one whose mark came last. */
  call: Call<Caller> | null = null;
  emptyHeld = false;
  afterMark = false;

  constructor(line: (text: string) => void) {
    this.lines = new LineSplitter(line);
  }

  get number(): number {
    return this.call?.number ?? 0;
  }
}
