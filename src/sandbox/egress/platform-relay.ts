/**
 * The way from a sandbox to the platform's own API, which listens where no sandbox gets to. It arrives there from an address of the machine
 * that is not loopback: who comes from loopback may be trusted without a key, and a function is not.
 */
import { connect, isIPv6, type Server, type Socket } from "node:net";
import type { PlatformAddress } from "./egress.ts";

const idleMsMax = 15 * 60_000;
const connectionsMax = 1024;

/** Serves from its construction on. */
export class PlatformRelay {
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  /** `targetOf` tells by a sandbox's address where its platform is, `from` who is to connect to it; null: it has none. */
  constructor(server: Server, targetOf: (address: string) => PlatformAddress | null, from: (family: 4 | 6) => string | null) {
    this.#server = server;
    server.maxConnections = connectionsMax;
    server.on("error", () => {});
    server.on("connection", (near: Socket) => {
      const target = targetOf(near.remoteAddress ?? "");
      const localAddress = target === null ? null : from(isIPv6(target.host) ? 6 : 4);
      near.on("error", () => {});
      if (target === null || localAddress === null) near.destroy();
      else this.#relay(near, target, localAddress);
    });
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#open) socket.destroy();
  }

  #relay(near: Socket, { host, port }: PlatformAddress, localAddress: string): void {
    const far = connect({ host, port, localAddress, noDelay: true, allowHalfOpen: true });
    far.on("error", () => near.destroy());
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#open.add(one);
      one.setTimeout(idleMsMax, () => one.destroy());
      one.once("close", () => {
        this.#open.delete(one);
        other.destroySoon();
      });
      one.pipe(other);
    }
  }
}
