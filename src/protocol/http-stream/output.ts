import { LineSplitter } from "../../lib/lines.ts";
import type { LogLine } from "../../model/model.ts";

/** Ids remembered while their marks have not been seen on both streams. */
const idsMax = 4096;

type Stream = "stdout" | "stderr";

/**
 * Tells which call printed a line. Kits print `\n<frame name>=<call id>\n` on both streams before each call; what follows on
 * that stream is of that call. Marks of calls that this session never ran, or that go back in time, are only text.
 *
 * `unknown`: no mark yet, lines are nobody's. `marks`: a mark was seen. `none`: a call went by, and what was printed next had
 * no mark before it or behind it, so this kit prints none, and lines are the newest call's. Behind it counts too: output may be
 * read long after the answer, and what a kit prints while it loads then comes together with the first mark.
 */
export class OutputAttribution {
  readonly #prefix: string;
  readonly #log: (callId: string | null, line: Omit<LogLine, "at">) => void;
  readonly #streams: Record<Stream, StreamOutput>;
  /** Number of each call by id; a call's number is higher than those before it. */
  readonly #numbers = new Map<string, number>();
  #kit: "unknown" | "marks" | "none" = "unknown";
  #calls = 0;
  #newest: string | null = null;
  /** Lines of the piece of output that decides what kind of kit this is, with their callers by marks. */
  #undecided: [callId: string | null, text: string][] | null = null;

  constructor(frameName: string, log: (callId: string | null, line: Omit<LogLine, "at">) => void) {
    this.#prefix = `${frameName}=`;
    this.#log = log;
    this.#streams = {
      stdout: new StreamOutput((text) => this.#line("stdout", text)),
      stderr: new StreamOutput((text) => this.#line("stderr", text)),
    };
  }

  /** A call begins. */
  called(callId: string): void {
    this.#newest = callId;
    this.#numbers.set(callId, ++this.#calls);
    if (this.#numbers.size > idsMax) this.#numbers.delete(this.#numbers.keys().next().value as string);
  }

  push(stream: Stream, data: Buffer): void {
    if (this.#kit !== "unknown" || this.#calls < 2) return this.#streams[stream].lines.push(data);
    this.#undecided = [];
    this.#streams[stream].lines.push(data);
    const lines = this.#undecided;
    this.#undecided = null;
    if (this.#kit === "unknown" && lines.length > 0) this.#kit = "none";
    for (const [callId, text] of lines) this.#log(this.#kit === "none" ? this.#newest : callId, { stream, text });
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

  #mark(stream: StreamOutput, callId: string): boolean {
    const number = this.#numbers.get(callId);
    if (number === undefined || number <= stream.number) return false;
    this.#kit = "marks";
    stream.callId = callId;
    stream.number = number;
    this.#forgetBefore(Math.min(this.#streams.stdout.number, this.#streams.stderr.number));
    return true;
  }

  #forgetBefore(number: number): void {
    for (const [callId, each] of this.#numbers) {
      if (each >= number) return;
      this.#numbers.delete(callId);
    }
  }

  #emit(stream: Stream, text: string): void {
    const { callId } = this.#streams[stream];
    if (this.#undecided !== null) this.#undecided.push([callId, text]);
    else this.#log(this.#kit === "none" ? this.#newest : callId, { stream, text });
  }
}

/** Where one of the two streams stands. */
class StreamOutput {
  readonly lines: LineSplitter;
  callId: string | null = null;
  number = 0;
  emptyHeld = false;
  afterMark = false;

  constructor(line: (text: string) => void) {
    this.lines = new LineSplitter(line);
  }
}
