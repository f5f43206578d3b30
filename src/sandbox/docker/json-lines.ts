import type { IncomingMessage } from "node:http";
import { EngineError } from "./engine-error.ts";

/** One line is never that long; whoever sends more is no engine. */
const lineBytesMax = 1024 * 1024;

/** Objects as they arrive, a line each. Rejects with an `EngineError` when the sender breaks off, or sends what is none. */
export async function* jsonLines<T>(answer: IncomingMessage, purpose: string): AsyncGenerator<T> {
  let rest = "";
  try {
    answer.setEncoding("utf8");
    for await (const text of answer as AsyncIterable<string>) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > lineBytesMax) throw new Error("A line has no end");
      for (const line of lines) if (line.trim() !== "") yield JSON.parse(line) as T;
    }
  } catch (error) {
    throw new EngineError(purpose, null, "it broke off", error);
  }
  if (rest.trim() !== "") yield JSON.parse(rest) as T;
}
