import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { World } from "../../lib/world.ts";
import { removeStale, temporaryFolder } from "./temporary.ts";
import type { Say } from "./tool.ts";

/** Where and from what a shim is made. */
export interface ShimBuild {
  /** The shim's sources. */
  readonly source: string;
  readonly cacheFolder: string;
  readonly world: World;
  readonly say: Say;
}

export interface ShimRecipe {
  /** First part of the folder's name. */
  readonly name: string;
  /** What runs it: for another one it is made anew. */
  readonly interpreter: string;
  /** Whether a file below the sources belongs to it. */
  isPart(path: string): boolean;
  /** Adds to the copy in this folder what the interpreter makes of it. */
  make(folder: string): Promise<void>;
}

/**
 * A copy of our shim with what its interpreter makes of it, made once for each interpreter and each version of the shim, and shared by all
 * sandboxes: compiling it in each would take longer than much else that a start does. Nobody's code has a part in it.
 */
export async function madeShim({ source, cacheFolder, world }: ShimBuild, recipe: ShimRecipe): Promise<string> {
  const files = (await filesIn(source)).filter((path) => recipe.isPart(path));
  const hash = createHash("sha256").update(recipe.interpreter);
  for (const path of files) hash.update(`\0${path}\0`).update(await readFile(join(source, path)));
  const shims = join(cacheFolder, "runtimes");
  const folder = join(shims, `${recipe.name}-${hash.digest("hex").slice(0, 16)}`);
  if (await stat(folder).catch(() => null)) return folder;
  const work = temporaryFolder(shims, world);
  await mkdir(shims, { recursive: true });
  await removeStale(shims, world);
  try {
    for (const path of files) await copyTo(join(work, path), join(source, path));
    await recipe.make(work);
    await openToAll(work);
    // Another process may have been first, with the same.
    await rename(work, folder).catch(async (error: unknown) => {
      if (!(await stat(folder).catch(() => null))) throw error;
    });
    return folder;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1)).toSorted();
}

async function copyTo(target: string, source: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await copyFile(source, target);
}

/** Whatever our umask is: sandboxes have users of their own. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
}
