import { LineSplitter } from "../../lib/lines.ts";
import type { LogLine } from "../../model/model.ts";

/** What one call prints, or what is printed outside any, cut into lines. A stream is set up with its first output. */
export class Output {
  readonly #printed: (line: Omit<LogLine, "at">) => void;
  readonly #splitters: [LineSplitter | null, LineSplitter | null] = [null, null];

  constructor(printed: (line: Omit<LogLine, "at">) => void) {
    this.#printed = printed;
  }

  /** Output of stdout (1) or stderr (2). */
  push(stream: 1 | 2, data: Buffer): void {
    const splitter = (this.#splitters[stream - 1] ??= this.#splitter(stream === 1 ? "stdout" : "stderr"));
    splitter.push(data);
  }

  /** The call is over: unfinished lines are lines too. */
  end(): void {
    for (const splitter of this.#splitters) splitter?.end();
  }

  #splitter(stream: "stdout" | "stderr"): LineSplitter {
    return new LineSplitter((text) => this.#printed({ stream, text }));
  }
}
