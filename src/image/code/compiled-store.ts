import { createHash } from "node:crypto";
import { chmod, lstat, opendir, readdir, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PlatformError } from "../../model/error.ts";
import type { World } from "../../lib/world.ts";
import { parseEntryPath } from "./entry-path.ts";
import { linkTree, makeFolder } from "./link-tree.ts";
import { removeFolder, Unused } from "./unused.ts";

/** Where a runtime may put something beside the code: a folder of ours, and Python's own place. */
const allowedPath = /^\.kiln\/[\w.-]+(?:\/[\w.-]+){0,2}$|(?:^|\/)__pycache__\/[^/]+\.pyc$/;

/** Code with more entries is left as it is: to link them would cost more than is won. */
const entriesMax = 20_000;
const recordsMax = 10_000;
const factsFile = "compiled.json";
const temporaryPrefix = ".new-";

/** Whose code, and what it was compiled by: another one of either has another place. */
export interface CompiledKey {
  /** Id of a function. */
  readonly owner: string;
  /** Digest of the code. */
  readonly code: string;
  /** Everything that decides what the result is. */
  readonly parts: readonly unknown[];
}

/** One that is kept. */
export interface CompiledEntry {
  readonly place: string;
  readonly owner: string;
  readonly code: string;
}

/**
 * Code with what its runtime made of it, in one folder for each function and its code: `<owner>/<key>/files` holds the stored files by hard
 * links, and the new ones. What was made comes out of a sandbox where the function's own code may have run, so it is for
 * this function alone, and nothing but its bytes is taken. It appears whole, and is given only while it is as it was written.
 */
export class CompiledStore {
  readonly #folder: string;
  readonly #world: World;
  readonly #removing = new Map<string, Promise<void>>();
  readonly unused: Unused;

  constructor(folder: string, world: World) {
    this.#folder = folder;
    this.#world = world;
    this.unused = new Unused(world);
  }

  /** Opens the folder, which belongs to one process and lies on the same disk as the code, and removes what an interrupted one left. */
  static async open(folder: string, world: World): Promise<CompiledStore> {
    await makeFolder(folder);
    for (const name of await readdir(folder)) {
      if (name.startsWith(temporaryPrefix)) await rm(join(folder, name), { recursive: true, force: true });
    }
    return new CompiledStore(folder, world);
  }

  /** Folder of the files; null when there is none, or it is damaged, which removes it. */
  async find(key: CompiledKey): Promise<string | null> {
    const place = this.#place(key);
    this.unused.needed(place);
    await this.#removing.get(place);
    const facts = await readFacts(place);
    if (facts === null) return null;
    if (await isWhole(place, facts)) return join(place, "files");
    await rm(place, { recursive: true, force: true });
    return null;
  }

  /**
   * Keeps what a sandbox sent (`records`: length and path, length and content of each file, then a length of 0) beside the code in `code`.
   * False, with nothing kept, where there is too much of it or nothing in it. Throws `function_protocol` for bytes that are none of this.
   */
  async add(key: CompiledKey, code: string, records: Buffer): Promise<boolean> {
    const files = parseRecords(records);
    if (files.size === 0) return false;
    const temporary = join(this.#folder, temporaryPrefix + this.#world.newId());
    try {
      const folder = join(temporary, "files");
      await makeFolder(folder);
      await chmod(temporary, 0o755);
      if (!(await linkTree(code, folder, { left: entriesMax }))) return false;
      const kept = await writeFiles(folder, files);
      if (kept.length === 0) return false;
      const facts: Facts = { files: kept.map(([path]) => path), digest: digestOf(kept), code: key.code };
      await writeFile(join(temporary, factsFile), JSON.stringify(facts));
      return await this.#publish(key, temporary);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  /** All that is kept, in no order. */
  async *entries(): AsyncGenerator<CompiledEntry> {
    for await (const { name: owner } of await opendir(this.#folder)) {
      if (owner.startsWith(temporaryPrefix)) continue;
      for (const key of await readdir(join(this.#folder, owner)).catch(() => [])) {
        const place = join(this.#folder, owner, key);
        yield { place, owner, code: (await readFacts(place))?.code ?? "" };
      }
    }
  }

  /** Whoever asks for it meanwhile waits, and finds it gone. */
  async remove({ place, owner }: CompiledEntry): Promise<void> {
    const work = removeFolder(place, join(this.#folder, temporaryPrefix + this.#world.newId()));
    this.#removing.set(place, work);
    await work.finally(() => this.#removing.delete(place));
    // Fails while another one is in it.
    await rmdir(join(this.#folder, owner)).catch(() => {});
  }

  async #publish(key: CompiledKey, temporary: string): Promise<boolean> {
    const place = this.#place(key);
    await makeFolder(dirname(place));
    try {
      await rename(temporary, place);
    } catch {
      // Somebody else was first, and it may be in use; or what is there is no good for anybody.
      if ((await readFacts(place)) !== null) return true;
      await rm(place, { recursive: true, force: true });
      await rename(temporary, place);
    }
    return true;
  }

  #place({ owner, parts }: CompiledKey): string {
    return join(this.#folder, owner, createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32));
  }
}

interface Facts {
  readonly files: readonly string[];
  /** Of paths and contents, in the order of `files`. */
  readonly digest: string;
  /** Digest of the code that they were made of. */
  readonly code: string;
}

async function readFacts(place: string): Promise<Facts | null> {
  try {
    return JSON.parse(await readFile(join(place, factsFile), "utf8")) as Facts;
  } catch {
    return null;
  }
}

/** Runtimes trust what they find: Python takes any bytecode for granted. */
async function isWhole(place: string, { files, digest }: Facts): Promise<boolean> {
  try {
    const found: [string, Buffer][] = [];
    for (const path of files) found.push([path, await readFile(join(place, "files", path))]);
    return digestOf(found) === digest;
  } catch {
    return false;
  }
}

function digestOf(files: readonly (readonly [path: string, content: Buffer])[]): string {
  const hash = createHash("sha256");
  for (const [path, content] of files) hash.update(`${path}\0${content.length}\0`).update(content);
  return hash.digest("hex");
}

function parseRecords(bytes: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  let at = 0;
  const take = (length: number) => {
    if (at + length > bytes.length) throw noRecords("it ends too early");
    return bytes.subarray(at, (at += length));
  };
  for (let length = take(4).readUInt32LE(0); length > 0; length = take(4).readUInt32LE(0)) {
    const path = parseEntryPath(take(length).toString("utf8"));
    if (!allowedPath.test(path)) throw noRecords(`${JSON.stringify(path.slice(0, 120))} is no place for it`);
    files.set(path, take(take(4).readUInt32LE(0)));
    if (files.size > recordsMax) throw noRecords("it has too many files");
  }
  return files;
}

function noRecords(why: string): PlatformError {
  return new PlatformError("function_protocol", `What the sandbox compiled can't be used: ${why}`);
}

/** Gives those that took their place: what the code brings itself stays. */
async function writeFiles(folder: string, files: ReadonlyMap<string, Buffer>): Promise<[string, Buffer][]> {
  const kept: [string, Buffer][] = [];
  for (const [path, content] of files) {
    if (!(await makeFolders(folder, dirname(path)))) continue;
    const file = join(folder, path);
    if ((await lstat(file).catch(() => null)) !== null) continue;
    await writeFile(file, content, { flag: "wx" });
    await chmod(file, 0o644);
    kept.push([path, content]);
  }
  return kept;
}

/** Makes what is missing of `path`; false where something else than a folder is in the way, such as a link of the code. */
async function makeFolders(folder: string, path: string): Promise<boolean> {
  let at = folder;
  for (const name of path.split("/")) {
    at = join(at, name);
    const facts = await lstat(at).catch(() => null);
    if (facts === null) await makeFolder(at);
    else if (!facts.isDirectory()) return false;
  }
  return true;
}
