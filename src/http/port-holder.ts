import { readdir, readFile, readlink } from "node:fs/promises";

/**
 * Who listens on a TCP port of this machine, such as `node (pid 4711)`. Best effort: undefined elsewhere than on Linux and when
 * the process belongs to somebody whose descriptors we may not see.
 */
export async function portHolder(port: number): Promise<string | undefined> {
  try {
    const inodes = await listeningInodes(port);
    if (inodes.size === 0) return undefined;
    for (const pid of await readdir("/proc")) {
      if (/^\d+$/.test(pid) && (await holdsSocket(pid, inodes))) return `${await commandOf(pid)} (pid ${pid})`;
    }
  } catch {
    // No /proc: another system, or a sandbox.
  }
  return undefined;
}

/** Columns of /proc/net/tcp: slot, local address, remote address, state (0A: listening), …, inode the tenth. */
async function listeningInodes(port: number): Promise<Set<string>> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const inodes = new Set<string>();
  for (const file of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    const table = await readFile(file, "utf8").catch(() => "");
    for (const line of table.split("\n").slice(1)) {
      const columns = line.trim().split(/\s+/);
      if (columns[1]?.endsWith(suffix) && columns[3] === "0A") inodes.add(`socket:[${columns[9]}]`);
    }
  }
  return inodes;
}

async function holdsSocket(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
  for (const descriptor of descriptors) {
    const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => "");
    if (inodes.has(target)) return true;
  }
  return false;
}

async function commandOf(pid: string): Promise<string> {
  const name = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "a process");
  return name.trim();
}
