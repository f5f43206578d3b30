/** What a control group holds, from the kernel's own count. Source: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst. */
import { readFile } from "node:fs/promises";
import type { MemoryFiles } from "./messages.ts";

/**
 * In bytes; null when the group is gone. Pages of files count too, which the kernel drops when it needs room: only where the sum is
 * half of the limit or more is it worth a second, dearer look to take them off.
 */
export async function memoryInUse(files: MemoryFiles, limitMiB: number): Promise<number | null> {
  try {
    const bytes = Number(await readFile(files.usage, "latin1"));
    if (bytes < (limitMiB * 1024 * 1024) / 2) return bytes;
    return Math.max(0, bytes - droppableBytes(await readFile(files.stat, "latin1")));
  } catch {
    return null;
  }
}

/** In version 1 the names that begin with `total_` count the groups below as well; ours have none. */
function droppableBytes(stat: string): number {
  const sum = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(stat)?.[1] ?? 0);
  return sum("active_file") + sum("inactive_file");
}
