/** The way out for a container of somebody else's, inside the spawner process. Needs root. */
import { spawn } from "node:child_process";
import { type FileHandle, open, readFile, stat } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { PlatformError } from "../../model/error.ts";
import type { ForeignContainer, Outlet } from "./egress.ts";

/** Engines switch IPv6 off in a network that is not theirs. What `ip` is to do is its STDIN. */
const insideScript = `
exec 2>&1
all=/proc/sys/net/ipv6/conf/all/disable_ipv6
[ ! -e "$all" ] || echo 0 > "$all"
exec ip -batch -
`;

/** Ties the network of a container to the router. Rejects with `internal`; the container is to be removed then. */
export async function joinContainer(outlet: Outlet, container: ForeignContainer, path: string): Promise<void> {
  // Held from here on: whatever becomes of the process, this stays the network that is looked at.
  const namespace = await open(`/proc/${container.pid}/ns/net`).catch((cause: unknown) => {
    throw new PlatformError("internal", "The container has ended", { cause });
  });
  try {
    await checkWhose(namespace, container);
    await runInside(namespace, outlet.commands, path);
  } finally {
    await namespace.close();
  }
  await outlet.attach();
}

/** The number of a process that has ended is another's later, and a container may share the network of the machine. */
async function checkWhose(namespace: FileHandle, { pid, id }: ForeignContainer): Promise<void> {
  const groups = await readFile(`/proc/${pid}/cgroup`, "utf8").catch(() => "");
  if (id === "" || !groups.includes(id)) throw new PlatformError("internal", "The container has ended");
  const [theirs, ours] = [await namespace.stat(), await stat("/proc/self/ns/net")];
  if (theirs.ino === ours.ino) throw new PlatformError("internal", "The container has no network of its own");
}

async function runInside(namespace: FileHandle, commands: string, path: string): Promise<void> {
  const child = spawn("nsenter", ["--net=/proc/self/fd/3", "sh", "-c", insideScript], {
    cwd: "/",
    env: { PATH: path },
    stdio: ["pipe", "pipe", "inherit", namespace.fd],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  child.stdin?.on("error", () => {});
  child.stdin?.end(`${commands}\n`);
  const [said, status] = await Promise.all([child.stdout === null ? "" : text(child.stdout), ended]);
  if (status !== 0) throw new PlatformError("internal", `its interfaces could not be made: ${said.trim().slice(0, 500)}`);
}
