import { readdirSync, readFileSync, renameSync, statSync, utimesSync } from "node:fs";
import { chmod, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { World } from "../../lib/world.ts";
import { type LayerNote, noteName, type RootNote } from "./pull-job.ts";
import { type BootNote, stateOf, Unsynced } from "./unsynced.ts";

/** What is given out is left alone for so long, until whoever got it says that it holds it, in ms. */
const handedOutMs = 1000;
const temporaryPrefix = ".new-";

/** An unpacked image. */
export interface CachedImage {
  /** Its own, whoever unpacks the same image again: sandboxes may still be in a folder that is being removed. */
  readonly folder: string;
  readonly note: RootNote;
}

interface Entry extends CachedImage {
  holds: number;
  /** Wall clock, ms; on the disk as the time of the note. */
  usedAt: number;
}

/**
 * Unpacked images and the layers they are made of, on one disk: `<folder>/roots/<name>/tree` and `<folder>/layers/<hex>`. An image's files are
 * links to those of its layers, so what images have in common is there once, and in memory once. Over the limit the image that was used longest
 * ago goes first, with the layers that are no other's; never one that is held, nor a layer that is being waited for.
 */
export class ImageCache {
  readonly #folder: string;
  readonly #world: World;
  readonly #bytesMax: number;
  readonly #removed: () => void;
  readonly #images = new Map<string, Entry>();
  readonly #layerBytes = new Map<string, number>();
  /** Of images that are being fetched, how many each. */
  readonly #awaited = new Map<string, number>();

  private constructor(folder: string, world: World, bytesMax: number, removed: () => void) {
    this.#folder = folder;
    this.#world = world;
    this.#bytesMax = bytesMax;
    this.#removed = removed;
  }

  /**
   * Opens the folder, which belongs to one process, and removes what a dead one left unfinished, or a machine that lost its power. `removed` is
   * called before an image goes.
   */
  static async open(folder: string, world: World, bytesMax: number, removed: () => void): Promise<ImageCache> {
    for (const each of ["roots", "layers"]) await mkdir(join(folder, each), { recursive: true });
    for (const each of ["", "roots", "layers"]) await chmod(join(folder, each), 0o755);
    const left = readdirSync(folder).filter((name) => name.startsWith(temporaryPrefix));
    for (const name of left) await removeFolder(join(folder, name));
    const cache = new ImageCache(folder, world, bytesMax, removed);
    await cache.#look();
    return cache;
  }

  get bytesMax(): number {
    return this.#bytesMax;
  }

  /** The image of this digest, as used now; null: it is not there. */
  find(digest: string): CachedImage | null {
    const entry = this.#images.get(digest) ?? null;
    if (entry !== null) this.#use(entry);
    return entry;
  }

  has(digest: string): boolean {
    return this.#images.has(digest);
  }

  /** Keeps an image from being removed until the result is called, once. */
  hold(digest: string): () => void {
    const entry = this.#images.get(digest);
    if (entry === undefined) return () => {};
    entry.holds++;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      entry.holds--;
      this.#use(entry);
    };
  }

  /** An empty folder for work that is renamed when it is whole; to be removed by `discard`. */
  async workFolder(): Promise<string> {
    const folder = join(this.#folder, temporaryPrefix + this.#world.newId());
    await mkdir(folder, { mode: 0o700 });
    return folder;
  }

  async discard(folder: string): Promise<void> {
    await removeFolder(folder);
  }

  /** Where a new image is to be. */
  newRootFolder(): string {
    return join(this.#folder, "roots", this.#world.newId());
  }

  layerFolder(diffId: string): string {
    return join(this.#folder, "layers", diffId.slice(diffId.indexOf(":") + 1));
  }

  /** These layers stay, there or not yet, until the result is called, once. */
  awaitLayers(diffIds: readonly string[]): () => void {
    for (const id of diffIds) this.#awaited.set(id, (this.#awaited.get(id) ?? 0) + 1);
    return () => {
      for (const id of diffIds) this.#awaited.set(id, (this.#awaited.get(id) ?? 1) - 1);
    };
  }

  /** Layers, and an image where there is one, have come. Gives the image. */
  came(rootFolder: string, diffIds: readonly string[]): CachedImage | null {
    for (const id of diffIds) this.#noteLayer(id);
    return this.#noteImage(rootFolder);
  }

  /** Removes until there is no more than there may be, or nothing that may go. */
  async clean(): Promise<void> {
    const gone: string[] = [];
    while (this.#bytes() > this.#bytesMax) {
      const unused = [...this.#layerBytes.keys()].filter((id) => !this.#isUsed(id));
      const image = unused.length > 0 ? undefined : this.#oldest();
      if (image !== undefined) gone.push(this.#remove(image));
      else if (unused.length > 0) for (const id of unused) gone.push(this.#removeLayer(id));
      else break;
    }
    for (const folder of gone) await removeFolder(folder);
  }

  async #look(): Promise<void> {
    await this.#check();
    for (const hex of readdirSync(join(this.#folder, "layers"))) this.#noteLayer(`sha256:${hex}`);
    for (const name of readdirSync(join(this.#folder, "roots"))) this.#noteImage(join(this.#folder, "roots", name));
  }

  /** What a machine that lost its power may have left half goes; what the process that pulled it did not see onto the disk is seen to. */
  async #check(): Promise<void> {
    const unsynced = new Unsynced();
    for (const folder of this.#folders()) {
      const note = readNote<BootNote>(folder);
      const state = note === null ? "lost" : stateOf(folder, note);
      if (state === "lost") await removeFolder(this.#moveAway(folder));
      else if (state === "in memory") unsynced.add(folder);
    }
    // The next start tries again.
    unsynced.settle(this.#folder).catch(() => {});
  }

  #folders(): string[] {
    return ["layers", "roots"].flatMap((below) =>
      readdirSync(join(this.#folder, below)).map((name) => join(this.#folder, below, name)),
    );
  }

  #noteLayer(diffId: string): void {
    const note = readNote<LayerNote>(this.layerFolder(diffId));
    if (note !== null) this.#layerBytes.set(diffId, note.bytes);
  }

  #noteImage(folder: string): CachedImage | null {
    const note = readNote<RootNote>(folder);
    if (note === null) return null;
    const known = this.#images.get(note.digest);
    if (known !== undefined) return known;
    const entry = { folder, note, holds: 0, usedAt: statSync(join(folder, noteName)).mtimeMs };
    this.#images.set(note.digest, entry);
    return entry;
  }

  #use(entry: Entry): void {
    entry.usedAt = this.#world.now();
    try {
      utimesSync(join(entry.folder, noteName), entry.usedAt / 1000, entry.usedAt / 1000);
    } catch {
      // It only says which one goes first after a restart.
    }
  }

  #oldest(): Entry | undefined {
    const before = this.#world.now() - handedOutMs;
    const free = [...this.#images.values()].filter(({ holds, usedAt }) => holds === 0 && usedAt < before);
    return free.toSorted((one, other) => one.usedAt - other.usedAt)[0];
  }

  /** In one step, so that nobody is given what is half gone; gives what is to be deleted. */
  #remove(entry: Entry): string {
    this.#removed();
    this.#images.delete(entry.note.digest);
    return this.#moveAway(entry.folder);
  }

  #removeLayer(diffId: string): string {
    this.#layerBytes.delete(diffId);
    return this.#moveAway(this.layerFolder(diffId));
  }

  #moveAway(folder: string): string {
    const away = join(this.#folder, temporaryPrefix + this.#world.newId());
    renameSync(folder, away);
    return away;
  }

  #isUsed(diffId: string): boolean {
    if ((this.#awaited.get(diffId) ?? 0) > 0) return true;
    return [...this.#images.values()].some(({ note }) => note.layers.includes(diffId));
  }

  #bytes(): number {
    let sum = 0;
    for (const bytes of this.#layerBytes.values()) sum += bytes;
    return sum;
  }
}

/** A process that pulled may still put a mark into it, or one of a dead server its last file. */
async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
}

function readNote<T>(folder: string): T | null {
  try {
    return JSON.parse(readFileSync(join(folder, noteName), "utf8")) as T;
  } catch {
    return null;
  }
}
