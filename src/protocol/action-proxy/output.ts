import { LineSplitter } from "../../lib/lines.ts";
import type { LogLine } from "../../model/model.ts";

/** The line by which a proxy says that all that a call printed on this stream is out. */
export const endMark = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX";

/** A proxy that has said nothing for so long after an answer prints no marks. */
const markMsMax = 2000;
/** So has one after so many more calls. */
const nextMax = 100;

type Stream = "stdout" | "stderr";
type Printed = (line: Omit<LogLine, "at">) => void;

/**
 * Tells which call printed a line, where calls come one after the other. A proxy prints a mark on both streams before it answers, but what it
 * printed may be read long after the answer, and code can print marks as well. So a mark ends nothing by itself: it only allows a stream to go
 * on to the next call, once there is one.
 *
 * `marks`: a stream is at a call until a mark of it was read. `time`: marks are worth nothing, as one call had two on a stream, or none, and lines
 * are the newest call's. That is for good: who has printed a mark of its own can do it again.
 */
export class OutputEnds {
  readonly #printed: Printed;
  readonly #now: () => number;
  readonly #streams: Record<Stream, StreamEnd>;
  /** Of a program with several calls at a time nothing tells whose a line is. */
  readonly #isShared: boolean;

  /** `now`: monotonic ms. `printed`: hears what no call has printed. */
  constructor(isShared: boolean, now: () => number, printed: Printed) {
    this.#isShared = isShared;
    this.#now = now;
    this.#printed = printed;
    this.#streams = { stdout: this.#stream("stdout"), stderr: this.#stream("stderr") };
  }

  /** A call begins, which hears what it has printed. */
  called(callId: string, printed: Printed): void {
    for (const stream of Object.values(this.#streams)) {
      stream.next.push({ id: callId, printed, marks: 0, answeredAt: null });
      const isFree = this.#isShared || stream.byTime || stream.current === null || stream.current.marks > 0;
      if (isFree) stream.advance();
      else this.#giveUp(stream);
    }
  }

  /** It was answered, or never will be. */
  answered(callId: string): void {
    for (const { current, next } of Object.values(this.#streams))
      for (const call of [current, ...next]) if (call?.id === callId) call.answeredAt = this.#now();
  }

  push(name: Stream, data: Buffer): void {
    this.#streams[name].lines.push(data);
  }

  /** No more output comes. */
  end(): void {
    for (const { lines } of Object.values(this.#streams)) lines.end();
  }

  #stream(name: Stream): StreamEnd {
    return new StreamEnd((text) => this.#line(name, text));
  }

  #line(name: Stream, text: string): void {
    const stream = this.#streams[name];
    if (text === endMark) return this.#mark(stream);
    this.#giveUp(stream);
    const printed = stream.current?.printed ?? this.#printed;
    printed({ stream: name, text });
  }

  #mark(stream: StreamEnd): void {
    const { current } = stream;
    if (current === null || this.#isShared) return;
    current.marks++;
    if (current.marks > 1) stream.byTime = true;
    if (stream.byTime || stream.next.length > 0) stream.advance();
  }

  /** The call is long over, and nothing said so on this stream. */
  #giveUp(stream: StreamEnd): void {
    const answeredAt = stream.current?.answeredAt ?? null;
    if (stream.next.length === 0 || answeredAt === null) return;
    if (stream.next.length < nextMax && this.#now() - answeredAt < markMsMax) return;
    stream.byTime = true;
    stream.advance();
  }
}

/** A call as one of the two streams sees it. */
interface PrintingCall {
  readonly id: string;
  readonly printed: Printed;
  marks: number;
  /** Monotonic ms. */
  answeredAt: number | null;
}

/** Where one of the two streams stands. */
class StreamEnd {
  readonly lines: LineSplitter;
  current: PrintingCall | null = null;
  /** Those that began after it. */
  next: PrintingCall[] = [];
  byTime = false;

  constructor(line: (text: string) => void) {
    this.lines = new LineSplitter(line);
  }

  /** To the next call, or to the newest where marks are worth nothing. */
  advance(): void {
    this.current = (this.byTime ? this.next.pop() : this.next.shift()) ?? this.current;
    if (this.byTime) this.next = [];
  }
}
