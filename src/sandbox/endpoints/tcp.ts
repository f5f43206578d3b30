/** Connects to a port of this machine, for sandboxes that have no network of their own. */
import { connect, type Socket } from "node:net";
import type { World } from "../../lib/world.ts";
import { untilAborted } from "../../lib/until-aborted.ts";

const retryMs = 10;

/** Tries until it answers. Rejects with the signal's reason. */
export async function dialTcp(port: number, world: World, signal: AbortSignal): Promise<Socket> {
  for (;;) {
    const socket = await attempt(port);
    if (signal.aborted) socket?.destroy();
    signal.throwIfAborted();
    if (socket !== null) return socket;
    await untilAborted(new Promise<void>((resolve) => world.after(retryMs, resolve)), signal);
  }
}

async function attempt(port: number): Promise<Socket | null> {
  return await new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      socket.on("error", () => {});
      resolve(socket);
    });
    socket.once("error", () => resolve(null));
  });
}
