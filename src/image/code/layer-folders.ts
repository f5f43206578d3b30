import { createHash } from "node:crypto";
import { constants, copyFile, link, lstat, readdir, readlink, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError } from "../../model/error.ts";
import { limits } from "../../model/limits.ts";
import type { World } from "../../lib/world.ts";
import type { CodeStore } from "./code-store.ts";
import { makeFolder } from "./link-tree.ts";

/** Programs in this folder of a layer run beside the function. */
const extensionsFolder = "extensions";

/**
 * Folders that become `/opt`: that of one layer as it is, of several one more for each combination, by hard links. They can be made again at any time, so
 * those of an earlier process are removed.
 */
export class LayerFolders {
  readonly #folder: string;
  readonly #code: Pick<CodeStore, "get">;
  readonly #world: Pick<World, "newId">;
  readonly #merged = new Map<string, { readonly digests: readonly string[]; readonly folder: Promise<string> }>();

  private constructor(folder: string, code: Pick<CodeStore, "get">, world: Pick<World, "newId">) {
    this.#folder = folder;
    this.#code = code;
    this.#world = world;
  }

  /** Opens the folder, which belongs to one process and lies on the same disk as the code. */
  static async open(folder: string, code: Pick<CodeStore, "get">, world: Pick<World, "newId">): Promise<LayerFolders> {
    await rm(folder, { recursive: true, force: true });
    return new LayerFolders(folder, code, world);
  }

  /** Host folder with the files of these layers, each over those before it; null for none. Throws `not_found`, and `invalid` for too many files. */
  async of(digests: readonly string[]): Promise<string | null> {
    const folders = await Promise.all(digests.map(async (digest) => (await this.#code.get(digest)).folder));
    if (folders.length < 2) return folders[0] ?? null;
    const key = createHash("sha256").update(digests.join(" ")).digest("hex");
    const known = this.#merged.get(key);
    if (known !== undefined) return await known.folder;
    const folder = this.#merge(key, folders);
    this.#merged.set(key, { digests, folder });
    folder.catch(() => this.#merged.delete(key));
    return await folder;
  }

  /** Some content is about to go: what holds files of it goes, too. */
  async forget(digest: string): Promise<void> {
    for (const [key, { digests, folder }] of this.#merged) {
      if (!digests.includes(digest)) continue;
      this.#merged.delete(key);
      await rm(await folder.catch(() => join(this.#folder, key)), { recursive: true, force: true });
    }
  }

  /** Names of the programs in a layer that run beside functions. */
  async extensionsIn(digest: string): Promise<readonly string[]> {
    const { folder } = await this.#code.get(digest);
    const entries = await readdir(join(folder, extensionsFolder), { withFileTypes: true }).catch(() => []);
    return entries
      .filter((entry) => !entry.isDirectory())
      .map(({ name }) => name)
      .toSorted();
  }

  async #merge(key: string, folders: readonly string[]): Promise<string> {
    const temporary = join(this.#folder, `.new-${this.#world.newId()}`);
    for (const each of [this.#folder, temporary]) await makeFolder(each);
    try {
      const room = { left: limits.code.filesMax };
      for (const folder of folders.toReversed()) await linkBelow(folder, temporary, room);
      await rename(temporary, join(this.#folder, key));
      return join(this.#folder, key);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }
}

/** What is below `from` also below `to`, where that has nothing of the name: what came first is over it. */
async function linkBelow(from: string, to: string, room: { left: number }): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (--room.left < 0) throw tooMany();
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    const there = await lstat(target).catch(() => null);
    if (entry.isDirectory()) {
      if (there !== null && !there.isDirectory()) continue;
      if (there === null) await makeFolder(target);
      await linkBelow(source, target, room);
    } else if (there !== null) continue;
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    else await link(source, target).catch(() => copyFile(source, target, constants.COPYFILE_EXCL));
  }
}

function tooMany(): PlatformError {
  return new PlatformError(
    "invalid",
    `The layers of the function hold more than ${limits.code.filesMax} files and folders together`,
  );
}
