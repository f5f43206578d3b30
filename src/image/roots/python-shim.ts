import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { World } from "../../lib/world.ts";
import { rootLayout } from "../layout.ts";
import { compilePython } from "./compile-python.ts";
import { removeStale, temporaryFolder } from "./temporary.ts";
import type { Say } from "./tool.ts";

/** Where and for whom the shim is compiled. */
export interface ShimBuild {
  /** The shim's sources. */
  readonly source: string;
  /** Of the root with the interpreter. */
  readonly tree: string;
  readonly cacheFolder: string;
  readonly world: World;
  readonly say: Say;
}

/**
 * A copy of our shim for Python with its bytecode, made once for each interpreter and each version of the shim, and shared by all sandboxes:
 * compiling it would take longer than all else that a start does. Nobody's code has a part in it.
 */
export async function compiledPythonShim({ source, tree, cacheFolder, world, say }: ShimBuild): Promise<string> {
  const files = await sourcesIn(source);
  const hash = createHash("sha256").update(basename(dirname(tree)));
  for (const path of files) hash.update(`\0${path}\0`).update(await readFile(join(source, path)));
  const shims = join(cacheFolder, "runtimes");
  const folder = join(shims, `python-${hash.digest("hex").slice(0, 16)}`);
  if (await stat(folder).catch(() => null)) return folder;
  const work = temporaryFolder(shims, world);
  await mkdir(shims, { recursive: true });
  await removeStale(shims, world);
  try {
    for (const path of files) await copyTo(join(work, path), join(source, path));
    await compilePython(tree, { folder: work, strip: work, inside: rootLayout.runtime }, say);
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

async function sourcesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => name.endsWith(".py")).toSorted();
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
