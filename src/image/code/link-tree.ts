import { chmod, constants, copyFile, link, lstat, mkdir, readdir, readlink, symlink } from "node:fs/promises";
import { join } from "node:path";
import { refusal } from "./entry-path.ts";

/** A folder, and those above it that are missing, whatever our umask is: sandboxes have users of their own. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await chmod(path, 0o755);
}

/**
 * What is below `from` also below `to`, by hard links where the disk has them. False when there are more entries than `room` has left.
 * Throws `invalid` when `to` has something in the way: a file there may be a hard link itself, and is never written to.
 */
export async function linkTree(from: string, to: string, room: { left: number }): Promise<boolean> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (--room.left < 0) return false;
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) {
      await makeFree(target);
      if (!(await linkTree(source, target, room))) return false;
    } else if (entry.isSymbolicLink()) await symlink(await readlink(source), target).catch(refuseTaken(target));
    else await link(source, target).catch(() => copyFile(source, target, constants.COPYFILE_EXCL).catch(refuseTaken(target)));
  }
  return true;
}

async function makeFree(folder: string): Promise<void> {
  const facts = await lstat(folder).catch(() => null);
  if (facts === null) await makeFolder(folder);
  else if (!facts.isDirectory()) throw refusal(folder.split("/").at(-1) as string, "is in the way of a folder");
}

function refuseTaken(place: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    throw error.code === "EEXIST" ? refusal(place.split("/").at(-1) as string, "is there twice", error) : error;
  };
}
