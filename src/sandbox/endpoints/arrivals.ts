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

/** Takes connections from its construction on, or as soon as there is a port for it. */
export class Arrivals {
  #server: Server | null = null;
  #closed = false;
  readonly #arrived: Socket[] = [];
  readonly #wanted: ((socket: Socket) => void)[] = [];

  /** On a unix socket, which whoever knows its name may connect to: the sandbox has a user of its own. */
  static onPath(path: string): Arrivals {
    const arrivals = new Arrivals();
    arrivals.take(createServer().listen(path));
    chmodSync(path, 0o666);
    return arrivals;
  }

  /** On a port of this machine's loopback, for programs that have no other; with its address. */
  static async onLoopback(): Promise<{ readonly arrivals: Arrivals; readonly address: string }> {
    const arrivals = new Arrivals();
    const server = createServer().listen({ port: 0, host: "127.0.0.1" });
    arrivals.take(server);
    await once(server, "listening");
    return { arrivals, address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
  }

  /** Takes those of a server that listens, or is about to; it is closed with this. At most once. */
  take(server: Server): void {
    if (this.#closed) return void server.close();
    this.#server = server;
    server.maxConnections = openMax;
    server.on("error", () => {});
    server.on("connection", (socket: Socket) => this.#arrive(socket));
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
    this.#closed = true;
    if (this.#server?.listening === true) this.#server.close();
    for (const socket of this.#arrived.splice(0)) socket.destroy();
  }

  #arrive(socket: Socket): void {
    // Whoever takes it hears of its end.
    socket.on("error", () => {});
    socket.setNoDelay(true);
    const next = this.#wanted.shift();
    if (next === undefined) this.#arrived.push(socket);
    else next(socket);
  }
}
