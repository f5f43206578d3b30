import { copyFileSync, linkSync, mkdirSync, readdirSync, readlinkSync, symlinkSync } from "node:fs";
import { chmod, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { World } from "../../lib/world.ts";
import type { CodePlace } from "../image.ts";

/** Code with more entries is not put into a place: it would hold up whoever waits for this process. */
const entriesMax = 100;

/** Empty folders, each for the code of one sandbox that was started before it was known whose it will be. */
export class Places {
  readonly #folder: string;
  readonly #world: World;

  private constructor(folder: string, world: World) {
    this.#folder = folder;
    this.#world = world;
  }

  /** Opens the folder, which belongs to one process and lies on the same disk as the code, and removes what a dead one left. */
  static async open(folder: string, world: World): Promise<Places> {
    await rm(folder, { recursive: true, force: true });
    return new Places(folder, world);
  }

  async make(): Promise<CodePlace> {
    const folder = join(this.#folder, this.#world.newId());
    await mkdir(folder, { recursive: true });
    // Whatever our umask is: sandboxes have users of their own.
    for (const each of [this.#folder, folder]) await chmod(each, 0o755);
    return {
      folder,
      fill: (code) => fill(folder, code),
      remove: () => rm(folder, { recursive: true, force: true }),
    };
  }
}

interface Entry {
  /** Below the code's folder. */
  readonly path: string;
  readonly type: "folder" | "file" | "link";
}

function fill(folder: string, code: string): boolean {
  const entries: Entry[] = [];
  if (!list(code, "", entries)) return false;
  for (const { path, type } of entries) {
    const [from, to] = [join(code, path), join(folder, path)];
    if (type === "folder") mkdirSync(to, { mode: 0o755 });
    else if (type === "link") symlinkSync(readlinkSync(from), to);
    else linkOrCopy(from, to);
  }
  return true;
}

/** Folders before what is in them; false when there are too many. */
function list(code: string, below: string, entries: Entry[]): boolean {
  for (const entry of readdirSync(join(code, below), { withFileTypes: true })) {
    const path = join(below, entry.name);
    if (entries.push({ path, type: typeOf(entry) }) > entriesMax) return false;
    if (entry.isDirectory() && !list(code, path, entries)) return false;
  }
  return true;
}

function typeOf(entry: { isDirectory(): boolean; isSymbolicLink(): boolean }): Entry["type"] {
  if (entry.isDirectory()) return "folder";
  return entry.isSymbolicLink() ? "link" : "file";
}

/** Some file systems have no hard links, and others only so many of one file. */
function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}
