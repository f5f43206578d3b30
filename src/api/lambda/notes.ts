/** What is said about functions, as this door reads and changes it. */
import { LRUCache } from "lru-cache";
import { PlatformError } from "../../model/error.ts";
import type { FnNotes } from "../../model/fn-notes.ts";
import type { Fn } from "../../model/model.ts";
import type { Notes } from "../../store/store.ts";

/** Functions whose notes are remembered. */
const knownMax = 10_000;
const attemptsMax = 100;

/** Notes by function, in memory once they were read: calls that name an alias or a version ask for them. Whatever changes them does so through this. */
export class NotesCache {
  readonly #notes: Notes;
  readonly #known = new LRUCache<string, FnNotes>({ max: knownMax });
  /** Rises with each change: what was read before it is not remembered. */
  #changes = 0;

  constructor(notes: Notes) {
    this.#notes = notes;
  }

  of(fn: Pick<Fn, "namespace" | "id">): FnNotes | Promise<FnNotes> {
    return this.#known.get(fn.id) ?? this.#read(fn);
  }

  /** `change` is asked again where somebody else wrote in between, and may throw; nothing is written where it gives what it was given. */
  async change(fn: Pick<Fn, "namespace" | "id">, change: (notes: FnNotes) => FnNotes): Promise<FnNotes> {
    for (let attempt = 1; ; attempt++) {
      const stored = await this.#read(fn);
      const changed = change(stored);
      if (changed === stored) return stored;
      try {
        const notes = { ...changed, revision: stored.revision + 1 };
        await this.#notes.put(notes);
        return notes;
      } catch (error) {
        if (!(error instanceof PlatformError) || error.code !== "conflict" || attempt === attemptsMax) throw error;
      } finally {
        this.#changes++;
        this.#known.delete(fn.id);
      }
    }
  }

  async #read({ namespace, id }: Pick<Fn, "namespace" | "id">): Promise<FnNotes> {
    const before = this.#changes;
    const notes = (await this.#notes.get(namespace, id)) ?? nothingSaid(namespace, id);
    if (before === this.#changes) this.#known.set(id, notes);
    return notes;
  }
}

function nothingSaid(namespace: string, functionId: string): FnNotes {
  return { namespace, functionId, tags: {}, versions: [], lastVersion: 0, aliases: [], statements: {}, revision: 0 };
}
