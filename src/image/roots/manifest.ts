import type { Dirent } from "node:fs";
import { chmod, lstat, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RootRecipe } from "./recipes.ts";

/** What is known of a finished root; lies beside its `tree`, written last. */
export interface RootManifest {
  /** Files, links and folders. */
  readonly entries: number;
  /** Sum of the files; those shared with another root count in both. */
  readonly bytes: number;
  /** File names of the Debian packages inside, those of the root below included. */
  readonly packages: readonly string[];
  /** Size by path. */
  readonly essentials: Readonly<Record<string, number>>;
}

const fileName = "root.json";

/** Goes over a finished tree, takes away the right to run as somebody else, and writes down what is there. */
export async function sealTree(folder: string, recipe: RootRecipe, packages: readonly string[]): Promise<RootManifest> {
  const tree = join(folder, "tree");
  let entries = 0;
  let bytes = 0;
  for (const entry of await listTree(tree)) {
    entries++;
    const path = join(entry.parentPath, entry.name);
    const facts = await lstat(path);
    if (facts.isSymbolicLink()) continue;
    if (facts.isFile()) bytes += facts.size;
    if ((facts.mode & 0o6000) !== 0) await chmod(path, facts.mode & 0o1777);
  }
  const essentials: Record<string, number> = {};
  for (const path of recipe.essentials) essentials[path] = (await stat(join(tree, path))).size;
  const manifest = { entries, bytes, packages, essentials };
  await writeFile(join(folder, fileName), `${JSON.stringify(manifest, null, 1)}\n`);
  return manifest;
}

/** The manifest of a root that is still whole; null when it is not there or something of it is missing. */
export async function readWhole(folder: string): Promise<RootManifest | null> {
  try {
    const manifest = JSON.parse(await readFile(join(folder, fileName), "utf8")) as RootManifest;
    const tree = join(folder, "tree");
    for (const [path, size] of Object.entries(manifest.essentials)) {
      if ((await stat(join(tree, path))).size !== size) return null;
    }
    // Cleaners of cache folders remove single old files: counting the names finds that in some 10 ms.
    return (await listTree(tree)).length === manifest.entries ? manifest : null;
  } catch {
    return null;
  }
}

/** With the types asked for, links to folders are not followed; without, Node would count what is behind them again. */
function listTree(tree: string): Promise<Dirent[]> {
  return readdir(tree, { recursive: true, withFileTypes: true });
}
