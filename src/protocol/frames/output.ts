import { LineSplitter } from "../../lib/lines.ts";
import type { SessionHooks } from "../protocol.ts";

/** What one call prints, cut into lines; with a null id what is printed outside any. A stream is set up with its first output. */
export class Output {
  readonly #hooks: SessionHooks;
  readonly #callId: string | null;
  readonly #splitters: [LineSplitter | null, LineSplitter | null] = [null, null];

  constructor(hooks: SessionHooks, callId: string | null) {
    this.#hooks = hooks;
    this.#callId = callId;
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
    return new LineSplitter((text) => this.#hooks.log(this.#callId, { stream, text }));
  }
}
