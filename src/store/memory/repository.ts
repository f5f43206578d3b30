/** One noun in a map per namespace. Copies go in and out, so nobody can change what is kept. */
import { missing, type Noun, refuse, stale, taken } from "../refusals.ts";
import { toPage } from "../page.ts";
import type { Page, PageRequest, Repository } from "../store.ts";
import { compareBytes } from "./order.ts";

/** What every defined noun has. */
export interface Definition {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
}

/** What one noun adds to the common behaviour. */
export interface Rules<T extends Definition> {
  readonly noun: Noun;
  /** Throws not_found when what the item belongs to is not there. */
  requireParents(item: T): void;
  /** True when the two cannot both exist in one namespace. */
  clash(one: T, other: T): boolean;
  /** Removes what belongs to an item that is gone. */
  cascade(item: T): void;
}

/** The repository of one noun. */
export class MemoryRepository<T extends Definition> implements Repository<T> {
  readonly #rules: Rules<T>;
  readonly #items = new Map<string, Map<string, T>>();

  constructor(rules: Rules<T>) {
    this.#rules = rules;
  }

  async create(item: T): Promise<T> {
    this.#rules.requireParents(item);
    if (this.has(item.namespace, item.id) || this.#clashes(item)) throw refuse(taken(this.#rules.noun, item.name));
    this.#of(item.namespace).set(item.id, structuredClone(item));
    return item;
  }

  async get(namespace: string, id: string): Promise<T | undefined> {
    return this.find(namespace, (item) => item.id === id);
  }

  async update(change: T): Promise<T> {
    const { noun } = this.#rules;
    const kept = this.#items.get(change.namespace)?.get(change.id);
    if (kept === undefined) throw refuse(missing(noun, change.id));
    if (kept.revision !== change.revision - 1) throw refuse(stale(noun, change.name, change.revision));
    this.#rules.requireParents(change);
    if (this.#clashes(change)) throw refuse(taken(noun, change.name));
    this.#of(change.namespace).set(change.id, structuredClone(change));
    return change;
  }

  async remove(namespace: string, id: string): Promise<void> {
    const kept = this.#items.get(namespace)?.get(id);
    if (kept === undefined) throw refuse(missing(this.#rules.noun, id));
    this.drop(kept);
  }

  /** Removes an item that is there, and what belongs to it. */
  drop(item: T): void {
    this.#of(item.namespace).delete(item.id);
    this.#rules.cascade(item);
  }

  has(namespace: string, id: string): boolean {
    return this.#items.get(namespace)?.has(id) ?? false;
  }

  /** Puts a new state in the place of an item that is there. For this folder only. */
  replace(item: T): void {
    this.#of(item.namespace).set(item.id, item);
  }

  /** The kept items themselves, in no order. For this folder only. */
  all(namespace: string): readonly T[] {
    return [...(this.#items.get(namespace)?.values() ?? [])];
  }

  /** Those of all namespaces. */
  everywhere(): readonly T[] {
    return [...this.#items.keys()].flatMap((namespace) => this.all(namespace));
  }

  find(namespace: string, test: (item: T) => boolean): T | undefined {
    const found = this.all(namespace).find(test);
    return found === undefined ? undefined : structuredClone(found);
  }

  /** A page in order of names, which are unique among the items of which the test holds. */
  page(namespace: string, test: (item: T) => boolean, page: PageRequest): Page<T> {
    const after = page.after ?? "";
    const found = this.all(namespace)
      .filter((item) => test(item) && compareBytes(item.name, after) > 0)
      .toSorted((one, other) => compareBytes(one.name, other.name))
      .slice(0, page.limit + 1);
    return toPage(structuredClone(found), page.limit, (item) => item.name);
  }

  #clashes(item: T): boolean {
    return this.all(item.namespace).some((other) => other.id !== item.id && this.#rules.clash(item, other));
  }

  #of(namespace: string): Map<string, T> {
    const items = this.#items.get(namespace) ?? new Map<string, T>();
    this.#items.set(namespace, items);
    return items;
  }
}
