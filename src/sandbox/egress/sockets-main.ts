/** Binds the sockets of `sockets.ts` and hands them to its parent; it ends when the parent has them. */
import type { SendHandle } from "node:child_process";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { realWorld } from "../../lib/world.ts";
import { gateway } from "./addresses.ts";
import { platformPort } from "./egress.ts";
import type { SocketName } from "./sockets.ts";

const udp = createSocket("udp4");
udp.bind(53, gateway, () => send("udpResolver", udp));
const tcp = createServer().listen(53, gateway, () => send("tcpResolver", tcp));
const platform = createServer().listen(platformPort, gateway, () => send("platform", platform));
process.once("disconnect", () => process.exit(0));
// The parent may have ended while this file was being loaded, and then the event has been.
if (!process.connected) process.exit(0);
// However it ended: nobody waits longer than this for the sockets.
realWorld().after(30_000, () => process.exit(1));

function send(name: SocketName, handle: SendHandle): void {
  process.send?.(name, handle);
}
