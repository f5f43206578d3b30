import type { Uses } from "../image.ts";
import type { CodeStore } from "./code-store.ts";
import type { CompiledStore } from "./compiled-store.ts";
import type { LayerFolders } from "./layer-folders.ts";
import { nameOf, type PackageStore } from "./package-store.ts";

/** Small things that are kept for each function, by its id. */
interface FunctionNotes {
  owners(): AsyncIterable<string>;
  remove(owner: string): Promise<void>;
}

/** What keeps something. */
interface Keepers {
  readonly code: CodeStore;
  readonly compiled: CompiledStore;
  readonly layers: Pick<LayerFolders, "forget">;
  readonly packages?: PackageStore | null;
  readonly notes?: FunctionNotes | null;
}

/** So many folders are looked at in a step. */
const stepSize = 50;

/**
 * What looks at each folder of code, of what was compiled from it, and of packages that were installed for it, and removes those that no revision has had
 * for an hour; notes on functions go when their function is gone.
 */
export class Leftovers {
  readonly #code: CodeStore;
  readonly #compiled: CompiledStore;
  readonly #packages: PackageStore | null;
  readonly #notes: FunctionNotes | null;
  readonly #layers: Pick<LayerFolders, "forget">;
  readonly #removed: () => void;
  #round: AsyncGenerator<void> | null = null;

  /** `removed` is called before something is. */
  constructor({ code, compiled, layers, packages = null, notes = null }: Keepers, removed: () => void) {
    this.#code = code;
    this.#compiled = compiled;
    this.#packages = packages;
    this.#notes = notes;
    this.#layers = layers;
    this.#removed = removed;
  }

  /** False when all were looked at; the next step begins again. */
  async step(uses: Uses): Promise<boolean> {
    this.#round ??= this.#looks(uses);
    try {
      for (let looks = 0; looks < stepSize; looks++) {
        const { done } = await this.#round.next();
        if (done !== true) continue;
        this.#round = null;
        return false;
      }
    } catch (error) {
      this.#round = null;
      throw error;
    }
    return true;
  }

  async *#looks(uses: Uses): AsyncGenerator<void> {
    for await (const entry of this.#compiled.entries()) {
      if (!(await uses.code(entry.code, entry.owner)) && this.#compiled.unused.isOver(entry.place)) {
        this.#removed();
        await this.#compiled.remove(entry);
      }
      yield;
    }
    yield* this.#looksAtPackages(uses);
    yield* this.#looksAtNotes(uses);
    for await (const digest of this.#code.digests()) {
      if (!(await uses.code(digest, null)) && this.#code.unused.isOver(digest)) {
        this.#removed();
        await this.#layers.forget(digest);
        await this.#code.remove(digest);
      }
      yield;
    }
  }

  async *#looksAtNotes(uses: Uses): AsyncGenerator<void> {
    for await (const owner of this.#notes?.owners() ?? []) {
      if (!(await uses.function(owner))) await this.#notes?.remove(owner);
      yield;
    }
  }

  /** Packages are in use where they lie together with code that is. */
  async *#looksAtPackages(uses: Uses): AsyncGenerator<void> {
    if (this.#packages === null) return;
    const { unused } = this.#packages;
    for await (const { key, digests } of this.#packages.entries()) {
      let isUsed = false;
      for (const digest of digests) {
        if (await uses.code(digest, null)) isUsed = true;
        else if (unused.isOver(nameOf(key, digest))) await this.#removePackages(key, digest);
        yield;
      }
      if (!isUsed && unused.isOver(key)) await this.#removePackages(key, null);
      yield;
    }
  }

  async #removePackages(key: string, digest: string | null): Promise<void> {
    this.#removed();
    await this.#packages?.remove(key, digest);
  }
}
