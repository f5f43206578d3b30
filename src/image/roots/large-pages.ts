/**
 * A program in large pages. A start of Node touches its file, of 120 MB, in some thousand places, each of them a fault where the kernel has the file
 * in pages of 4 KiB, and a call that comes to a process whose turn it was not finds nothing of it in the processor's table of pages. Kernels keep a file
 * in memory in the pieces in which it was written (Linux 6.16 for ext4, earlier ones for XFS), and map those of 2 MiB as one page, in
 * all processes at once. What was read from the disk is in smaller ones: so it is written anew, under the same name, after each start of the machine.
 * Where the kernel does none of this nothing is lost.
 */
import { type FileHandle, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { World } from "../../lib/world.ts";
import { removeStale, temporaryFolder } from "./temporary.ts";

const pageBytes = 2 * 1024 * 1024;
/** Beside the tree: since which start of the machine its program is in large pages. */
const bootFile = "large-pages.boot";

/** Copies a program, for all to run; on the disk when this resolves. */
export async function copyInLargePages(from: string, to: string): Promise<void> {
  const source = await open(from);
  try {
    const target = await open(to, "wx", 0o755);
    try {
      await target.chmod(0o755);
      await copyPages(source, target);
      await target.datasync();
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** Writes down that a root's program was copied just now. */
export async function markLargePages(rootFolder: string): Promise<void> {
  await writeFile(join(rootFolder, bootFile), await bootId());
}

/** Copies a root's program over itself unless that was done since the machine started. What runs keeps the file that it has. */
export async function renewLargePages(rootFolder: string, program: string, world: World): Promise<void> {
  const renewedAt = await readFile(join(rootFolder, bootFile), "utf8").catch(() => null);
  if (renewedAt === (await bootId())) return;
  await removeStale(rootFolder, world);
  const copy = temporaryFolder(rootFolder, world);
  const place = join(rootFolder, "tree", program);
  try {
    await copyInLargePages(place, copy);
    await rename(copy, place);
    await markLargePages(rootFolder);
  } finally {
    await rm(copy, { force: true });
  }
}

/** A page is written at once, or it is not one. */
async function copyPages(source: FileHandle, target: FileHandle): Promise<void> {
  const page = Buffer.allocUnsafeSlow(pageBytes);
  for (;;) {
    const filled = await fill(page, source);
    for (let written = 0; written < filled; ) written += (await target.write(page, written, filled - written)).bytesWritten;
    if (filled < pageBytes) return;
  }
}

async function fill(page: Buffer, source: FileHandle): Promise<number> {
  let filled = 0;
  while (filled < page.length) {
    const { bytesRead } = await source.read(page, filled, page.length - filled, null);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

function bootId(): Promise<string> {
  return readFile("/proc/sys/kernel/random/boot_id", "utf8");
}
