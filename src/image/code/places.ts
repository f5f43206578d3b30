import { readdirSync, renameSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { linkEntries } from "../../lib/link-entries.ts";
import type { World } from "../../lib/world.ts";
import type { CodePlace } from "../image.ts";
import { linkTree, makeFolder } from "./link-tree.ts";

/** Code with more entries is not linked into a place when it is wanted: it would hold up whoever waits for this process. */
const linkedMax = 100;
/** Code with more entries is never laid out, nor code with more at its top, which are what is renamed. */
const laidOutEntriesMax = 20_000;
const topEntriesMax = 200;
/** So much code is laid out at a time; what was used longest ago goes first. */
const laidOutMax = 32;

/**
 * Empty folders, each for the code of one sandbox that was started before it was known whose it will be. Little code is linked there when it is wanted;
 * larger code is *laid out* beforehand, as hard links in a folder of its own, and what is at the top of that is renamed into the place.
 */
export class Places {
  readonly #folder: string;
  readonly #layoutsFolder: string;
  readonly #world: World;
  /** By the code's folder; null: it has too many files, or is on its way. */
  readonly #layouts = new Map<string, string | null>();
  /** One at a time. */
  #layingOut: Promise<void> = Promise.resolve();

  private constructor(folder: string, world: World) {
    this.#folder = folder;
    this.#layoutsFolder = `${folder}-laid-out`;
    this.#world = world;
  }

  /** Opens the folder, which belongs to one process and lies on the same disk as the code, and removes what a dead one left. */
  static async open(folder: string, world: World): Promise<Places> {
    for (const each of [folder, `${folder}-laid-out`]) await rm(each, { recursive: true, force: true });
    return new Places(folder, world);
  }

  async make(): Promise<CodePlace> {
    const folder = join(this.#folder, this.#world.newId());
    await mkdir(folder, { recursive: true });
    // Whatever our umask is: sandboxes have users of their own.
    for (const each of [this.#folder, folder]) await makeFolder(each);
    return {
      folder,
      fill: (code) => this.#fill(folder, code),
      remove: () => rm(folder, { recursive: true, force: true }),
    };
  }

  /** Lays out the code in this folder, unless it is little. Resolves when that is done, or was not possible; the next place is filled with it all the same. */
  layOut(code: string): Promise<void> {
    if (this.#layouts.has(code) || !isLarge(code)) return this.#layingOut;
    this.#layouts.set(code, null);
    this.#forgetOldest();
    this.#layingOut = this.#layingOut.then(() => this.#layOut(code)).catch(() => {});
    return this.#layingOut;
  }

  #fill(folder: string, code: string): boolean {
    const layout = this.#layouts.get(code) ?? null;
    if (layout === null) {
      if (linkEntries(code, folder, linkedMax)) return true;
      void this.layOut(code);
      return false;
    }
    this.#layouts.delete(code);
    for (const name of readdirSync(layout)) renameSync(join(layout, name), join(folder, name));
    void rm(layout, { recursive: true, force: true });
    // For the next sandbox of this code.
    void this.layOut(code);
    return true;
  }

  async #layOut(code: string): Promise<void> {
    if (readdirSync(code).length > topEntriesMax) return;
    const layout = join(this.#layoutsFolder, this.#world.newId());
    for (const each of [this.#layoutsFolder, layout]) await makeFolder(each);
    const isWhole = await linkTree(code, layout, { left: laidOutEntriesMax }).catch(() => false);
    if (isWhole && this.#layouts.get(code) === null) this.#layouts.set(code, layout);
    else await rm(layout, { recursive: true, force: true });
  }

  #forgetOldest(): void {
    if (this.#layouts.size <= laidOutMax) return;
    const [oldest] = this.#layouts;
    if (oldest === undefined) return;
    this.#layouts.delete(oldest[0]);
    if (oldest[1] !== null) void rm(oldest[1], { recursive: true, force: true });
  }
}

/** Whether there is more than is linked at once. */
function isLarge(code: string): boolean {
  let left = linkedMax;
  const folders = [code];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (--left < 0) return true;
      if (entry.isDirectory()) folders.push(join(folder, entry.name));
    }
  }
  return false;
}
