/** Which function answers at a URL. */
import { LRUCache } from "lru-cache";
import type { FnNotes } from "../../../model/fn-notes.ts";
import type { FnUrl } from "../../../model/fn-url.ts";
import type { Notes } from "../../../store/store.ts";
import type { NotesCache } from "../notes.ts";

export interface PublishedUrl {
  readonly url: FnUrl;
  readonly namespace: string;
  readonly functionId: string;
}

/** Ids that are remembered. */
const knownMax = 10_000;

/** URLs by id. Whose one is never changes, so that is remembered; what is said of it is in the notes, which are kept up to date. */
export class PublishedUrls {
  readonly #stored: Pick<Notes, "byUrl">;
  readonly #notes: Pick<NotesCache, "of">;
  readonly #owners = new LRUCache<string, Pick<FnNotes, "namespace" | "functionId">>({ max: knownMax });

  constructor(stored: Pick<Notes, "byUrl">, notes: Pick<NotesCache, "of">) {
    this.#stored = stored;
    this.#notes = notes;
  }

  /** At once where it was asked for before. Null: there is none. */
  of(id: string): PublishedUrl | null | Promise<PublishedUrl | null> {
    const owner = this.#owners.get(id);
    if (owner === undefined) return this.#look(id);
    const notes = this.#notes.of({ namespace: owner.namespace, id: owner.functionId });
    return notes instanceof Promise ? notes.then((found) => publishedIn(found, id)) : publishedIn(notes, id);
  }

  async #look(id: string): Promise<PublishedUrl | null> {
    const notes = await this.#stored.byUrl(id);
    if (notes === undefined) return null;
    this.#owners.set(id, { namespace: notes.namespace, functionId: notes.functionId });
    return publishedIn(notes, id);
  }
}

function publishedIn({ namespace, functionId, urls = [] }: FnNotes, id: string): PublishedUrl | null {
  const url = urls.find((each) => each.id === id);
  return url === undefined ? null : { url, namespace, functionId };
}
