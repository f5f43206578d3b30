import type { Duplex } from "node:stream";
import { untilAborted } from "../../lib/until-aborted.ts";
import { asPlatformError } from "../../model/error.ts";
import type { Dial } from "../protocol.ts";
import { type Asked, Connection, type Site } from "./connection.ts";
import type { Extensions } from "./extensions.ts";
import { isOfRuntime, type RuntimeSession } from "./session.ts";

/**
 * Extensions beside a program that speaks another protocol on the same port: its connection is the one that does not begin with a letter. Where a wrapper
 * has started something else, that may be a runtime which polls for its events, or have an extension do so for it (AWS's web adapter does).
 */
export class ExtensionsDoor implements Site {
  readonly #extensions: Extensions;
  readonly #polling: () => RuntimeSession;
  readonly #connections = new Set<Connection>();
  readonly #over = new AbortController();
  readonly #program = Promise.withResolvers<Duplex | RuntimeSession>();
  #runtime: RuntimeSession | null = null;
  #isConnected = false;

  /** `polling`: of a runtime that polls, from its first request on. */
  constructor(extensions: Extensions, dial: Dial, polling: () => RuntimeSession) {
    this.#extensions = extensions;
    this.#polling = polling;
    this.#program.promise.catch(() => {});
    void this.#accept(dial);
  }

  /** The program's connection, or the session of one that polls. Rejects with the signal's reason. */
  program(signal: AbortSignal): Promise<Duplex | RuntimeSession> {
    return untilAborted(this.#program.promise, signal);
  }

  asked(request: Asked): void {
    if (this.#isConnected || !isOfRuntime(request.head.path)) return this.#extensions.asked(request);
    this.#runtime ??= this.#polling();
    this.#program.resolve(this.#runtime);
    this.#runtime.asked(request);
  }

  closed(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#runtime === null) this.#extensions.closed(connection);
    else this.#runtime.closed(connection);
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
      if (isHttp) return void this.#connections.add(new Connection(stream, this));
      this.#isConnected = true;
      this.#program.resolve(stream);
      queueMicrotask(() => stream.resume());
    });
    stream.once("error", () => {});
  }
}

const capitalA = 0x41;
