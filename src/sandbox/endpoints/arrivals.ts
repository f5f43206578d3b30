/** Connections that the program in a sandbox makes to us, as often as it likes. */
import { chmodSync } from "node:fs";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { untilAborted } from "../../lib/until-aborted.ts";

/** Where a program with a loopback of its own finds us: as Lambda has it, which some tools rely on. */
export const loopbackPort = 9001;
export const loopbackAddress = `127.0.0.1:${loopbackPort}`;

/** A program that opens more at a time has those that come then closed: each is a file of ours. */
const openMax = 256;

/** Listens from its construction on, so that the program may be started at once. */
export class Arrivals {
  readonly #server: Server;
  readonly #arrived: Socket[] = [];
  readonly #wanted: ((socket: Socket) => void)[] = [];

  private constructor() {
    this.#server = createServer({ noDelay: true }, (socket) => {
      // Whoever takes it hears of its end.
      socket.on("error", () => {});
      const next = this.#wanted.shift();
      if (next === undefined) this.#arrived.push(socket);
      else next(socket);
    });
    this.#server.maxConnections = openMax;
    this.#server.on("error", () => {});
  }

  /** On a unix socket, which whoever knows its name may connect to: the sandbox has a user of its own. */
  static onPath(path: string): Arrivals {
    const arrivals = new Arrivals();
    arrivals.#server.listen(path);
    chmodSync(path, 0o666);
    return arrivals;
  }

  /** On a port of this machine's loopback, for programs that have no other; with its address. */
  static async onLoopback(): Promise<{ readonly arrivals: Arrivals; readonly address: string }> {
    const arrivals = new Arrivals();
    arrivals.#server.listen({ port: 0, host: "127.0.0.1" });
    await once(arrivals.#server, "listening");
    return { arrivals, address: `127.0.0.1:${(arrivals.#server.address() as AddressInfo).port}` };
  }

  /** The next connection, in the order in which they came. Rejects with the signal's reason. */
  async next(signal: AbortSignal): Promise<Socket> {
    const arrived = this.#arrived.shift();
    if (arrived !== undefined) return arrived;
    const { promise, resolve } = Promise.withResolvers<Socket>();
    this.#wanted.push(resolve);
    try {
      return await untilAborted(promise, signal);
    } catch (error) {
      const at = this.#wanted.indexOf(resolve);
      if (at !== -1) this.#wanted.splice(at, 1);
      throw error;
    }
  }

  /** Nobody takes those that are left. */
  close(): void {
    if (this.#server.listening) this.#server.close();
    for (const socket of this.#arrived.splice(0)) socket.destroy();
  }
}
