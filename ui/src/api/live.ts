/** What functions print and which calls end, while it happens. */
import { addressOf, checked, type Query, send } from "./client.ts";
import { eventParser, type ServerEvent } from "./sse.ts";
import type { Activation, LiveLine } from "./types.ts";

/** Hears of what happens. */
export interface LiveReader {
  readonly line: (line: LiveLine) => void;
  readonly activation: (record: Activation) => void;
  /** So many events are missing: this page was too slow. */
  readonly lost: (count: number) => void;
}

/** A stream that broke off is opened anew after so long. */
const againMs = 3000;

/** Reads until the signal aborts; a stream that ends or fails is taken up where it was. */
export async function readLive(ns: string, filter: Query, reader: LiveReader, signal: AbortSignal): Promise<void> {
  const url = addressOf(`namespaces/${encodeURIComponent(ns)}/logs`, { ...filter, follow: "true" });
  let last = "";
  while (!signal.aborted) {
    try {
      const headers = { accept: "text/event-stream", ...(last === "" ? {} : { "last-event-id": last }) };
      const response = await checked(await send(url, { headers, signal }));
      for await (const event of eventsOf(response, signal)) {
        if (event.id !== "") last = event.id;
        tell(event, reader);
      }
    } catch {
      // That the server is gone is told by the polls of the page.
    }
    await pause(againMs, signal);
  }
}

function tell({ event, data }: ServerEvent, reader: LiveReader): void {
  if (event === "line") reader.line(JSON.parse(data) as LiveLine);
  else if (event === "activation") reader.activation(JSON.parse(data) as Activation);
  else if (event === "lost") reader.lost((JSON.parse(data) as { count: number }).count);
}

async function* eventsOf(response: Response, signal: AbortSignal): AsyncGenerator<ServerEvent> {
  const parse = eventParser();
  const reader = (response.body as ReadableStream<Uint8Array<ArrayBuffer>>).pipeThrough(new TextDecoderStream()).getReader();
  while (!signal.aborted) {
    const { done, value } = await reader.read();
    if (done) return;
    yield* parse(value);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
