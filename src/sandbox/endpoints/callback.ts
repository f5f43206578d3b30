/** A socket of ours that the program in a sandbox connects to, once. */
import { chmodSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { untilAborted } from "../../lib/until-aborted.ts";

/** Listens from its construction on, so that the program may be started at once. */
export class CallbackListener {
  readonly #server: Server;
  readonly #connection: Promise<Socket>;

  constructor(path: string) {
    const { promise, resolve } = Promise.withResolvers<Socket>();
    this.#connection = promise;
    this.#server = createServer((socket) => {
      // Whoever comes later is not the program that we started.
      this.#server.close();
      socket.on("error", () => {});
      resolve(socket);
    });
    this.#server.maxConnections = 1;
    this.#server.on("error", () => {});
    this.#server.listen(path);
    // The sandbox has a user of its own; the name of the folder is what nobody else can know.
    chmodSync(path, 0o666);
  }

  /** The one connection. Rejects with the signal's reason. */
  async connection(signal: AbortSignal): Promise<Socket> {
    return await untilAborted(this.#connection, signal);
  }

  close(): void {
    if (this.#server.listening) this.#server.close();
  }
}
