import { constants } from "node:fs";
import { type FileHandle, chmod, mkdir, open, symlink } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError } from "../../model/error.ts";
import { looksExecutable } from "./format.ts";
import { parseEntryPath, refusal } from "./entry-path.ts";
import { linkProblem } from "./links.ts";

/** What an archive may unpack to. */
export interface TreeLimits {
  readonly unpackedBytesMax: number;
  /** Files, links and folders together. */
  readonly filesMax: number;
}

/** What an archive says of a file besides its content. */
export interface FileFacts {
  /** Permission bits; null when the archive has none, then the content decides whether it is executable. */
  readonly mode: number | null;
  readonly modifiedAt: Date | null;
  /** As the archive declares it; only used to refuse early. */
  readonly bytes: number;
}

/**
 * A folder that is filled from an archive nobody trusts. Keeps its own record of every entry, so nothing is decided by what
 * the file system answers: a name is taken once, parents are folders that were made here, and links are created last, when
 * all content is written and every target is known to stay inside. Owner and group bits, setuid and sticky bits are dropped.
 */
export class Tree {
  readonly #folder: string;
  readonly #limits: TreeLimits;
  readonly #entries = new Map<string, "folder" | "file">();
  readonly #links = new Map<string, string>();
  /** Each file is on disk when the next one is begun; otherwise somebody else looks after that. */
  readonly #durable: boolean;
  #bytes = 0;
  #files = 0;

  /** `folder` exists and is empty. */
  constructor(folder: string, limits: TreeLimits, { durable = true }: { readonly durable?: boolean } = {}) {
    this.#folder = folder;
    this.#limits = limits;
    this.#durable = durable;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get files(): number {
    return this.#files;
  }

  /** Refuses at once what an archive says to hold, where it says so, before many thousand files are written in vain. */
  announce(entries: number): void {
    if (entries > this.#limits.filesMax) throw this.#tooMany();
  }

  /** A folder; naming it again is no error, because archives do. */
  async addFolder(name: string): Promise<void> {
    const path = parseEntryPath(name);
    if (path !== "") await this.#makeFolder(path, name);
  }

  /** A file with its content; stops reading as soon as a limit is passed. */
  async addFile(name: string, facts: FileFacts, content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    const path = await this.#claim(name);
    if (this.#bytes + facts.bytes > this.#limits.unpackedBytesMax) throw this.#tooBig(name);
    this.#entries.set(path, "file");
    this.#files++;
    const handle = await this.#create(path, name);
    try {
      await this.#write(handle, name, facts, content);
    } finally {
      await handle.close();
    }
  }

  /** A symbolic link; it is made by `finish`. */
  async addLink(name: string, target: string): Promise<void> {
    const path = await this.#claim(name);
    this.#links.set(path, target);
    this.#files++;
  }

  /** Creates the links, once all of them are known to stay inside. Throws when the archive held nothing. */
  async finish(): Promise<void> {
    if (this.#files === 0) throw new PlatformError("invalid", "The archive is refused: it holds no files");
    for (const [path, target] of this.#links) {
      const problem = linkProblem(path, target, this.#links);
      if (problem !== null) throw refusal(path, problem);
    }
    for (const [path, target] of this.#links) await symlink(target, join(this.#folder, path));
    await syncFolder(this.#folder);
  }

  /** Exclusive, so that on a file system that folds names the second name for one file is refused by it. */
  async #create(path: string, name: string): Promise<FileHandle> {
    try {
      return await open(join(this.#folder, path), constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") throw refusal(name, "occurs twice", error);
      throw error;
    }
  }

  async #write(file: FileHandle, name: string, facts: FileFacts, content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
    let head: Uint8Array | null = null;
    for await (const piece of content) {
      head ??= piece;
      this.#bytes += piece.length;
      if (this.#bytes > this.#limits.unpackedBytesMax) throw this.#tooBig(name);
      await file.writeFile(piece);
    }
    const executable = facts.mode === null ? looksExecutable(head ?? Buffer.alloc(0)) : (facts.mode & 0o111) !== 0;
    await file.chmod(executable ? 0o755 : 0o644);
    // Compiled Python files are only valid beside a source of the time they were made from.
    if (facts.modifiedAt !== null && isSane(facts.modifiedAt)) await file.utimes(facts.modifiedAt, facts.modifiedAt);
    if (this.#durable) await file.datasync();
  }

  /** Reserves a path for a file or a link: parents become folders, the name is free. */
  async #claim(name: string): Promise<string> {
    const path = parseEntryPath(name);
    if (path === "") throw refusal(name, "has no name");
    const slash = path.lastIndexOf("/");
    if (slash > 0) await this.#makeFolder(path.slice(0, slash), name);
    if (this.#entries.has(path) || this.#links.has(path)) throw refusal(name, "occurs twice");
    this.#checkCount();
    return path;
  }

  async #makeFolder(path: string, name: string): Promise<void> {
    if (this.#entries.get(path) === "folder") return;
    const slash = path.lastIndexOf("/");
    if (slash > 0) await this.#makeFolder(path.slice(0, slash), name);
    if (this.#links.has(path)) throw refusal(name, `would be written through the link ${JSON.stringify(path)}`);
    if (this.#entries.has(path)) throw refusal(name, `has the file ${JSON.stringify(path)} as a folder`);
    this.#checkCount();
    this.#entries.set(path, "folder");
    await mkdir(join(this.#folder, path));
    await chmod(join(this.#folder, path), 0o755);
  }

  #checkCount(): void {
    if (this.#entries.size + this.#links.size < this.#limits.filesMax) return;
    throw this.#tooMany();
  }

  #tooMany(): PlatformError {
    return new PlatformError("invalid", `The archive is refused: it holds more than ${this.#limits.filesMax} files and folders`);
  }

  #tooBig(name: string): PlatformError {
    return refusal(name, `makes the unpacked code larger than ${this.#limits.unpackedBytesMax} bytes`);
  }
}

/** Waits until a folder's own entries are on disk. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isSane(date: Date): boolean {
  const ms = date.getTime();
  return ms >= 0 && ms < 0x1_0000_0000 * 1000;
}
