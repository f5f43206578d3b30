import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { World } from "../../lib/world.ts";

const prefix = ".new-";
/** Nothing is built for as long: what is older was left by a process that was killed. Younger ones may be another's work. */
const ageMsMax = 3_600_000;

/** Name of a new folder below `folder` for something that is renamed when it is whole. */
export function temporaryFolder(folder: string, world: World): string {
  return join(folder, prefix + world.newId());
}

/** Removes what killed processes left below a folder of the cache. */
export async function removeStale(folder: string, world: World): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(prefix)) continue;
    const facts = await stat(join(folder, name)).catch(() => null);
    if (facts && world.now() - facts.mtimeMs > ageMsMax) await rm(join(folder, name), { recursive: true, force: true });
  }
}
