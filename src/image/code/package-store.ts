import { chmod, opendir, readdir, readFile, readlink, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError } from "../../model/error.ts";
import { limits } from "../../model/limits.ts";
import type { World } from "../../lib/world.ts";
import { linkProblem } from "./links.ts";
import { linkTree, makeFolder } from "./link-tree.ts";
import { syncFolder, Tree } from "./tree.ts";
import { removeFolder, Unused } from "./unused.ts";

const temporaryPrefix = ".new-";
const factsFile = "packages.json";

/** Packages, and digests of the code that they lie together with. */
export interface PackageEntry {
  readonly key: string;
  readonly digests: readonly string[];
}

/** Installed packages. */
export interface StoredPackages {
  readonly bytes: number;
  readonly files: number;
}

/**
 * Packages that were installed, by key: `<folder>/<key>/files` as they lie in the code's folder, and `<folder>/<key>/with/<digest>` with the
 * code of that digest, both by hard links. Each appears whole or not at all, also after kill -9.
 */
export class PackageStore {
  readonly #folder: string;
  readonly #world: World;
  readonly #flush: (folder: string) => Promise<unknown>;
  readonly #joining = new Map<string, Promise<string>>();
  readonly #removing = new Map<string, Promise<void>>();
  /** Names are keys, and keys with the digest of some code. */
  readonly unused: Unused;

  private constructor(folder: string, world: World, flush: (folder: string) => Promise<unknown>) {
    this.#folder = folder;
    this.#world = world;
    this.#flush = flush;
    this.unused = new Unused(world);
  }

  /** Opens the folder, which belongs to one process and lies on the same disk as the code. `flush`: resolves when all below a folder is on disk. */
  static async open(folder: string, world: World, flush: (folder: string) => Promise<unknown>): Promise<PackageStore> {
    await makeFolder(folder);
    for (const name of await readdir(folder)) {
      if (name.startsWith(temporaryPrefix)) await rm(join(folder, name), { recursive: true, force: true });
    }
    return new PackageStore(folder, world, flush);
  }

  async find(key: string): Promise<StoredPackages | null> {
    this.unused.needed(key);
    await this.#removing.get(join(this.#folder, key));
    const text = await readFile(join(this.#folder, key, factsFile), "utf8").catch(() => null);
    return text === null ? null : (JSON.parse(text) as StoredPackages);
  }

  /** Keeps what `fill` puts into a tree. Throws what it throws, `invalid` and `too_large`, with nothing kept. */
  async add(key: string, fill: (tree: Tree) => Promise<void>): Promise<void> {
    const temporary = join(this.#folder, temporaryPrefix + this.#world.newId());
    try {
      const files = join(temporary, "files");
      await makeFolder(files);
      await makeFolder(join(temporary, "with"));
      await chmod(temporary, 0o755);
      const tree = new Tree(files, limits.code, { durable: false });
      await fill(tree);
      // An installation without a package is one, too: of optional ones that do not fit this machine.
      if (tree.files > 0) await tree.finish();
      const facts: StoredPackages = { bytes: tree.bytes, files: tree.files };
      await writeFile(join(temporary, factsFile), JSON.stringify(facts));
      await this.#flush(temporary);
      await this.#publish(temporary, join(this.#folder, key));
      await syncFolder(this.#folder);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  /** Folder of the code with the packages. Throws `not_found` when they are not there, `invalid` when both together are no tree. */
  async join(key: string, digest: string, code: string): Promise<string> {
    const place = join(this.#folder, key, "with", digest);
    this.unused.needed(nameOf(key, digest));
    await this.#removing.get(place);
    const known = this.#joining.get(place);
    if (known !== undefined) return await known;
    const work = this.#joinOnce(key, place, code).finally(() => this.#joining.delete(place));
    this.#joining.set(place, work);
    return await work;
  }

  /** All that is kept, in no order, with the code that it was joined with. */
  async *entries(): AsyncGenerator<PackageEntry> {
    for await (const { name: key } of await opendir(this.#folder)) {
      if (key.startsWith(temporaryPrefix)) continue;
      yield { key, digests: await readdir(join(this.#folder, key, "with")).catch(() => []) };
    }
  }

  /** Packages, or only what they are together with some code. Whoever asks for it meanwhile waits, and finds it gone. */
  async remove(key: string, digest: string | null): Promise<void> {
    const place = digest === null ? join(this.#folder, key) : join(this.#folder, key, "with", digest);
    const work = removeFolder(place, join(this.#folder, temporaryPrefix + this.#world.newId()));
    this.#removing.set(place, work);
    await work.finally(() => this.#removing.delete(place));
  }

  async #joinOnce(key: string, place: string, code: string): Promise<string> {
    if ((await readdir(place).catch(() => null)) !== null) return place;
    if ((await this.find(key)) === null) throw missing();
    const temporary = join(this.#folder, temporaryPrefix + this.#world.newId());
    try {
      await makeFolder(temporary);
      const room = { left: limits.code.filesMax };
      const packages = join(this.#folder, key, "files");
      if (!(await linkTree(code, temporary, room)) || !(await linkTree(packages, temporary, room))) throw tooMany();
      await checkLinks(temporary);
      await this.#publish(temporary, place);
      return place;
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  /** Whoever comes second finds the same in place. */
  async #publish(temporary: string, place: string): Promise<void> {
    try {
      await rename(temporary, place);
    } catch (error) {
      if ((await readdir(place).catch(() => [])).length === 0) throw error;
    }
  }
}

/** What `unused` calls packages together with some code. */
export const nameOf = (key: string, digest: string): string => `${key} ${digest}`;

/** Links of the code and of the packages were each looked at alone; through one another they must not lead out either. */
async function checkLinks(folder: string): Promise<void> {
  const links = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    links.set(path.slice(folder.length + 1), await readlink(path));
  }
  for (const [path, target] of links) {
    const problem = linkProblem(path, target, links);
    if (problem !== null)
      throw new PlatformError(
        "invalid",
        `The code with its packages is refused: ${JSON.stringify(path.slice(0, 120))} ${problem}`,
      );
  }
}

function tooMany(): PlatformError {
  const message = `The code with its packages holds more than ${limits.code.filesMax} files and folders`;
  return new PlatformError("too_large", message);
}

function missing(): PlatformError {
  return new PlatformError(
    "not_found",
    "The packages that were installed for this code are no longer there: send the code again",
  );
}
