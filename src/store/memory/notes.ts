import { type FnNotes, isStanding, provisionedRevisions } from "../../model/fn-notes.ts";
import { toPage } from "../page.ts";
import { missing, missingVersion, refuse, staleNotes } from "../refusals.ts";
import type { Notes, Page, PageRequest } from "../store.ts";
import { compareBytes } from "./order.ts";

/** What is known of the functions that notes are about. */
export interface NotedFunctions {
  has(namespace: string, functionId: string): boolean;
  /** Whether that revision is kept. */
  keeps(namespace: string, functionId: string, revision: number): boolean;
}

/** Notes in a map. */
export class MemoryNotes implements Notes {
  readonly #functions: NotedFunctions;
  readonly #all = new Map<string, FnNotes>();

  constructor(functions: NotedFunctions) {
    this.#functions = functions;
  }

  async get(namespace: string, functionId: string): Promise<FnNotes | undefined> {
    return structuredClone(this.#all.get(keyOf(namespace, functionId)));
  }

  async put(notes: FnNotes): Promise<void> {
    const { namespace, functionId, revision, versions } = notes;
    if (!this.#functions.has(namespace, functionId)) throw refuse(missing("Function", functionId));
    const stored = this.#all.get(keyOf(namespace, functionId))?.revision ?? 0;
    if (stored !== revision - 1) throw refuse(staleNotes(functionId, revision));
    if (!versions.every((version) => this.#functions.keeps(namespace, functionId, version.revision)))
      throw refuse(missingVersion(functionId));
    this.#all.set(keyOf(namespace, functionId), structuredClone(notes));
  }

  async byUrl(id: string): Promise<FnNotes | undefined> {
    return structuredClone([...this.#all.values()].find(({ urls = [] }) => urls.some((url) => url.id === id)));
  }

  async provisioned(namespace: string | null, page: PageRequest): Promise<Page<FnNotes>> {
    const isInside = (notes: FnNotes) => namespace === null || notes.namespace === namespace;
    return this.#page((notes) => isInside(notes) && provisionedRevisions(notes).size > 0, page);
  }

  async standing(page: PageRequest): Promise<Page<FnNotes>> {
    return this.#page(isStanding, page);
  }

  #page(isWanted: (notes: FnNotes) => boolean, { after = "", limit }: PageRequest): Page<FnNotes> {
    const found = [...this.#all.values()]
      .filter((notes) => notes.functionId > after && isWanted(notes))
      .toSorted((one, other) => compareBytes(one.functionId, other.functionId));
    return toPage(structuredClone(found.slice(0, limit + 1)), limit, ({ functionId }) => functionId);
  }

  /** Revisions of a function that have a number of their own. */
  pinned(namespace: string, functionId: string): ReadonlySet<number> {
    return new Set(this.#all.get(keyOf(namespace, functionId))?.versions.map(({ revision }) => revision));
  }

  /** The function is gone. */
  drop(namespace: string, functionId: string): void {
    this.#all.delete(keyOf(namespace, functionId));
  }
}

function keyOf(namespace: string, functionId: string): string {
  return `${namespace}\n${functionId}`;
}
