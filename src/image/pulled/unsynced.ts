/**
 * Unpacked folders take their place before the disk has them: a first call does not wait until thousands of files are written, and with them
 * whatever else the machine writes. What dies with a process loses nothing by that; what dies with the machine might leave half a folder. So
 * each says in its note since which start of the machine it is there, and is marked once the disk has it. One without the mark, of another
 * start of the machine, is as good as not there.
 */
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const markName = "synced";

/** What is in the note of a folder; absent: the disk had it before it took its place. */
export interface BootNote {
  readonly boot?: string;
}

/** Where the kernel does not say it, no start of the machine is the same as another. */
const unknownBoot = "unknown";

/** Names this start of the machine. */
export function thisBoot(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return unknownBoot;
  }
}

/** What is known of a folder by its note: the disk has it, it is in memory at least, or nobody knows. */
export function stateOf(folder: string, { boot }: BootNote): "on the disk" | "in memory" | "lost" {
  if (boot === undefined || existsSync(join(folder, markName))) return "on the disk";
  return boot === thisBoot() && boot !== unknownBoot ? "in memory" : "lost";
}

/** Folders that are to be marked. They are held by descriptors: another may stand in the place of one that went meanwhile. */
export class Unsynced {
  readonly #descriptors = new Set<number>();

  /** What it returns calls it off, once: nothing may be written into a folder that somebody removes. */
  add(folder: string): () => void {
    const descriptor = openSync(folder, "r");
    this.#descriptors.add(descriptor);
    return () => {
      this.#descriptors.delete(descriptor);
      closeSync(descriptor);
    };
  }

  /**
   * Marks them when the disk has them. Of thousands of small files one call is a hundred times as fast as one for each; it waits for what others
   * write there, too. Rejects when the disk takes no more, which leaves them as they are.
   */
  async settle(folder: string): Promise<void> {
    if (this.#descriptors.size === 0) return;
    try {
      await sync(folder);
      for (const descriptor of this.#descriptors) mark(descriptor);
    } finally {
      for (const descriptor of this.#descriptors) closeSync(descriptor);
      this.#descriptors.clear();
    }
  }
}

/** Of the file system that the folder is on. */
function sync(folder: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn("sync", ["-f", folder], { stdio: "ignore" });
    // Nobody has to wait for it to end.
    child.unref();
    child.once("error", reject);
    child.once("exit", (code, signal) => (code === 0 ? resolve() : reject(new Error(`sync ended with ${signal ?? code}`))));
  });
}

function mark(descriptor: number): void {
  try {
    writeFileSync(`/proc/self/fd/${descriptor}/${markName}`, "");
  } catch {
    // It was removed meanwhile.
  }
}
