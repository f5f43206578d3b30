import type { Duplex } from "node:stream";
import { untilAborted } from "../../lib/until-aborted.ts";
import { asPlatformError } from "../../model/error.ts";
import type { Dial } from "../protocol.ts";
import { type Asked, Connection, type Site } from "./connection.ts";
import type { Extensions } from "./extensions.ts";

/** Extensions beside a program that speaks another protocol on the same port: its connection is the one that does not begin with a letter. */
export class ExtensionsDoor implements Site {
  readonly #extensions: Extensions;
  readonly #connections = new Set<Connection>();
  readonly #over = new AbortController();
  readonly #program = Promise.withResolvers<Duplex>();

  constructor(extensions: Extensions, dial: Dial) {
    this.#extensions = extensions;
    this.#program.promise.catch(() => {});
    void this.#accept(dial);
  }

  /** The program's connection. Rejects with the signal's reason. */
  program(signal: AbortSignal): Promise<Duplex> {
    return untilAborted(this.#program.promise, signal);
  }

  asked(request: Asked): void {
    this.#extensions.asked(request);
  }

  closed(connection: Connection): void {
    this.#connections.delete(connection);
    this.#extensions.closed(connection);
  }

  close(): void {
    this.#over.abort();
    for (const connection of this.#connections) connection.close();
  }

  async #accept(dial: Dial): Promise<void> {
    try {
      for (;;) this.#tell(await dial(this.#over.signal));
    } catch (error) {
      // What a program that has ended said last may still be on its way: whoever started it knows, and does not wait for long.
      if (asPlatformError(error).code !== "function_start_failed") this.#program.reject(error);
    }
  }

  #tell(stream: Duplex): void {
    stream.once("data", (data: Buffer) => {
      stream.pause();
      stream.unshift(data);
      const isHttp = (data[0] ?? 0) >= capitalA;
      if (isHttp) this.#connections.add(new Connection(stream, this));
      else this.#program.resolve(stream);
      if (!isHttp) queueMicrotask(() => stream.resume());
    });
    stream.once("error", () => {});
  }
}

const capitalA = 0x41;
