/** A reader of server-sent events: what our API's live streams send. */
import assert from "node:assert/strict";
import { type IncomingMessage, request } from "node:http";
import { once } from "node:events";

export interface StreamEvent {
  readonly event: string;
  readonly id: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface EventReader {
  readonly status: number;
  /** So far. */
  readonly events: readonly StreamEvent[];
  /** Resolves with the first event for which it is true. */
  find(what: string, test: (event: StreamEvent) => boolean): Promise<StreamEvent>;
  /** The texts of the lines so far. */
  lines(): string[];
  /** Reads no more until `resume`: what a slow reader does. */
  pause(): void;
  resume(): void;
  /** Resolves when the server ended the stream. */
  readonly ended: Promise<void>;
  close(): void;
}

/** Opens a stream; resolves once its head is there. */
export async function readEvents(url: string, headers: Readonly<Record<string, string>> = {}): Promise<EventReader> {
  const asked = request(url, { headers, agent: false });
  asked.end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  const events: StreamEvent[] = [];
  const waiting = new Set<() => void>();
  let rest = "";
  response.setEncoding("utf8").on("data", (text: string) => {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop() as string;
    for (const block of blocks) if (block.includes("event: ")) events.push(parse(block));
    for (const look of waiting) look();
  });
  response.on("error", () => {});
  const ended = new Promise<void>((resolve) => response.once("close", resolve));
  return {
    status: response.statusCode ?? 0,
    events,
    ended,
    async find(what, test) {
      const timeout = AbortSignal.timeout(20_000);
      for (;;) {
        const found = events.find(test);
        if (found !== undefined) return found;
        assert.ok(!timeout.aborted, `no event: ${what}; there were ${JSON.stringify(events.slice(-20))}`);
        await new Promise<void>((resolve) => {
          const look = () => {
            waiting.delete(look);
            resolve();
          };
          waiting.add(look);
          timeout.addEventListener("abort", look, { once: true });
        });
      }
    },
    lines: () => events.filter(({ event }) => event === "line").map(({ data }) => String(data["text"])),
    pause: () => void response.pause(),
    resume: () => void response.resume(),
    close: () => asked.destroy(),
  };
}

function parse(block: string): StreamEvent {
  const field = (name: string) =>
    block
      .split("\n")
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2);
  return {
    event: field("event") ?? "",
    id: field("id") ?? null,
    data: JSON.parse(field("data") ?? "{}") as Record<string, unknown>,
  };
}
