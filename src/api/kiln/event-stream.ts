/** Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) to one reader, who may be slow. */
import type { ServerResponse } from "node:http";
import type { World } from "../../lib/world.ts";

/** What may wait for a slow reader; beyond it events are refused. */
const waitingBytesMax = 256 * 1024;

/** A comment is sent so often, so that nobody on the way takes the connection for dead. */
const heartbeatMs = 15_000;

/** A reader who takes nothing for so long is gone. */
const stalledMsMax = 60_000;

/** A response that goes on until one side ends it. */
export class EventStream {
  readonly #response: ServerResponse;
  readonly #world: World;
  readonly #closed: () => void;
  #waitingBytes = 0;
  #roomers: (() => void)[] = [];
  #stopHeartbeat: () => void = () => {};
  #stopStall: (() => void) | null = null;
  #ended = false;

  /** Sends the head. `closed` is called once, when the reader is gone or the stream was ended. */
  constructor(response: ServerResponse, headers: Readonly<Record<string, string>>, world: World, closed: () => void) {
    this.#response = response;
    this.#world = world;
    this.#closed = closed;
    response.on("close", () => this.#close());
    response.on("error", () => this.#close());
    response.on("drain", () => this.#drained());
    response.writeHead(200, { ...headers, "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" });
    this.#write(": hello\n\n");
    this.#beat();
  }

  /** False, and nothing sent, when too much waits already. */
  send(event: string, data: unknown, id: string | null): boolean {
    if (this.#ended || this.#waitingBytes > waitingBytesMax) return false;
    // JSON has no line breaks, so data is one line.
    this.#write(`${id === null ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    return true;
  }

  /** Resolves when something can be sent, or never will. */
  async room(): Promise<void> {
    if (this.#ended || this.#waitingBytes <= waitingBytesMax) return;
    await new Promise<void>((resolve) => this.#roomers.push(resolve));
  }

  /** Ends it; at once where the reader has not taken all, because nobody can wait for that. */
  end(): void {
    if (this.#ended) return;
    if (this.#waitingBytes > 0) this.#response.destroy();
    else this.#response.end();
    this.#close();
  }

  #write(text: string): void {
    if (this.#response.write(text)) return;
    this.#waitingBytes += text.length;
    this.#stopStall ??= this.#world.after(stalledMsMax, () => this.#response.destroy());
  }

  #drained(): void {
    this.#waitingBytes = 0;
    this.#stopStall?.();
    this.#stopStall = null;
    for (const resolve of this.#roomers.splice(0)) resolve();
  }

  #beat(): void {
    this.#stopHeartbeat = this.#world.after(heartbeatMs, () => {
      if (this.#waitingBytes === 0) this.#write(":\n\n");
      this.#beat();
    });
  }

  #close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopHeartbeat();
    this.#stopStall?.();
    for (const resolve of this.#roomers.splice(0)) resolve();
    this.#closed();
  }
}
