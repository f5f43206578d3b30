/**
 * Sockets in the router's network namespace, for the spawner, which is not in it and cannot enter: a process that is sent in binds them
 * and hands them over.
 */
import { spawn } from "node:child_process";
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

/** Rejects with `internal` when they cannot be had. */
export async function openSockets(routerPid: number, path: string, world: World): Promise<RouterSockets> {
  const main = fileURLToPath(import.meta.url).replace(/sockets(\.[jt]s)$/, "sockets-main$1");
  const node = [process.execPath, "--disable-warning=ExperimentalWarning", main];
  const child = spawn("nsenter", [`--net=/proc/${routerPid}/ns/net`, ...node], {
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
    if (child.connected) child.disconnect();
  }
}
