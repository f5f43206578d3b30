/**
 * Binds the sockets of `sockets.ts` and hands them to its parent, whose id is its argument. The parent kills it as soon as it has
 * them, and the kernel when the parent ends.
 */
import type { SendHandle } from "node:child_process";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { gateway } from "./addresses.ts";
import { platformPort } from "./egress.ts";
import type { SocketName } from "./sockets.ts";

const udp = createSocket("udp4");
udp.bind(53, gateway, () => send("udpResolver", udp));
const tcp = createServer().listen(53, gateway, () => send("tcpResolver", tcp));
const platform = createServer().listen(platformPort, gateway, () => send("platform", platform));
// A parent that ended before the kernel was told to watch it is another one by now.
if (process.ppid !== Number(process.argv[2])) process.exit(1);

function send(name: SocketName, handle: SendHandle): void {
  process.send?.(name, handle);
}
