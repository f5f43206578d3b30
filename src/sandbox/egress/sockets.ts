/**
 * Sockets in the router's network namespace, for the spawner, which is not in it and cannot enter: a process that is sent in binds them
 * and hands them over.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket as UdpSocket } from "node:dgram";
import type { Server } from "node:net";
import { fileURLToPath } from "node:url";
import { PlatformError } from "../../model/error.ts";
import type { World } from "../../lib/world.ts";

/** Bound at the gateway address of sandboxes. */
export interface RouterSockets {
  readonly udpResolver: UdpSocket;
  readonly tcpResolver: Server;
  readonly platform: Server;
}

/** What the process that binds them sends with each. */
export type SocketName = keyof RouterSockets;

const openMsMax = 20_000;

/** `enter` is how a command begins that works in the router. Rejects with `internal` when they cannot be had. */
export async function openSockets(enter: readonly string[], path: string, world: World): Promise<RouterSockets> {
  const main = fileURLToPath(import.meta.url).replace(/sockets(\.[jt]s)$/, "sockets-main$1");
  const node = [process.execPath, "--disable-warning=ExperimentalWarning", main, String(process.pid)];
  // The kernel ends it with this process, which may be killed at any moment. A change of namespaces may take that back, hence the order.
  const child = spawn(enter[0] as string, [...enter.slice(1), "setpriv", "--pdeathsig=KILL", ...node], {
    cwd: "/",
    env: { PATH: path },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const found: Partial<Record<SocketName, unknown>> = {};
  const { promise, resolve, reject } = Promise.withResolvers<RouterSockets>();
  child.on("message", (name: SocketName, handle) => {
    found[name] = handle;
    if (found.udpResolver && found.tcpResolver && found.platform) resolve(found as RouterSockets);
  });
  child.once("error", reject);
  child.once("exit", (code) =>
    reject(new PlatformError("internal", `The sockets for sandboxes could not be bound: status ${code}`)),
  );
  const callOff = world.after(openMsMax, () => reject(new PlatformError("internal", "The sockets for sandboxes took too long")));
  try {
    return await promise;
  } finally {
    callOff();
    // As long as it lives it takes some of what arrives on the sockets, so nobody may use them before it is gone.
    if (child.kill("SIGKILL")) await once(child, "exit");
  }
}
