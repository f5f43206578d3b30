import { declared } from "../../model/declared.ts";
import { layersOf } from "../../model/layer.ts";
import type { Fn, TrafficShare } from "../../model/model.ts";
import { toPage } from "../page.ts";
import { missing, missingRevision, refuse } from "../refusals.ts";
import type { Functions, Page, PageRequest, SkipRequest } from "../store.ts";
import { compareBytes, latestOf } from "./order.ts";
import type { NotedFunctions } from "./notes.ts";
import { MemoryRepository, type Rules } from "./repository.ts";

/** Functions, and what was deployed under their names before. */
export class MemoryFunctions extends MemoryRepository<Fn> implements Functions, NotedFunctions {
  readonly #revisionsKept: number;
  readonly #pinned: (namespace: string, id: string) => ReadonlySet<number>;
  /** By function, the oldest first. */
  readonly #revisions = new Map<string, Fn[]>();

  /** `pinned`: revisions that stay. */
  constructor(rules: Rules<Fn>, revisionsKept: number, pinned: (namespace: string, id: string) => ReadonlySet<number>) {
    super(rules);
    this.#pinned = pinned;
    this.#revisionsKept = revisionsKept;
  }

  override async create(fn: Fn): Promise<Fn> {
    await super.create(fn);
    this.#keep(fn);
    return fn;
  }

  override async update(fn: Fn): Promise<Fn> {
    await super.update(fn);
    this.#keep(fn);
    return fn;
  }

  override drop(fn: Fn): void {
    super.drop(fn);
    this.#revisions.delete(keyOf(fn.namespace, fn.id));
  }

  async getByName(namespace: string, appId: string | null, name: string): Promise<Fn | undefined> {
    return this.find(namespace, (fn) => fn.appId === appId && fn.name === name);
  }

  async list(namespace: string, appId: string | null, page: PageRequest): Promise<Page<Fn>> {
    return this.page(namespace, (fn) => fn.appId === appId, page);
  }

  async getByPath(namespace: string, appId: string, path: string): Promise<Fn | undefined> {
    const json = JSON.stringify(path);
    const found = this.all(namespace).filter((fn) => fn.appId === appId && fn.annotations[declared.path] === json);
    return structuredClone(found.toSorted((one, other) => compareBytes(one.id, other.id))[0]);
  }

  async revision(namespace: string, id: string, revision: number): Promise<Fn | undefined> {
    return structuredClone(this.#kept(namespace, id).find((fn) => fn.revision === revision));
  }

  async revisions(namespace: string, id: string, page: PageRequest): Promise<Page<Fn>> {
    const before = page.after === undefined ? Number.MAX_SAFE_INTEGER : Number(page.after);
    const found = this.#kept(namespace, id)
      .filter((fn) => fn.revision < before)
      .toReversed()
      .slice(0, page.limit + 1);
    return toPage(structuredClone(found), page.limit, (fn) => String(fn.revision));
  }

  async provisioned(namespace: string | null, page: PageRequest): Promise<Page<Fn>> {
    const all = namespace === null ? this.everywhere() : this.all(namespace);
    const found = all
      .filter((fn) => fn.provisioned > 0 && fn.id > (page.after ?? ""))
      .toSorted((one, other) => compareBytes(one.id, other.id));
    return toPage(structuredClone(found.slice(0, page.limit + 1)), page.limit, (fn) => fn.id);
  }

  async latest(namespace: string, appId: string | null | undefined, page: SkipRequest): Promise<readonly Fn[]> {
    return latestOf(this.#inApp(namespace, appId), page);
  }

  async count(namespace: string, appId: string | null | undefined): Promise<number> {
    return this.#inApp(namespace, appId).length;
  }

  async newest(namespace: string, limit: number): Promise<readonly Fn[]> {
    const newestFirst = this.all(namespace).toSorted((one, other) => compareBytes(other.id, one.id));
    return structuredClone(newestFirst.slice(0, limit));
  }

  async usesCode(digest: string, id: string | null): Promise<boolean> {
    const kept = [...this.#revisions.values()].flat();
    return kept.some((fn) => (id === null || fn.id === id) && digestsOf(fn).includes(digest));
  }

  async exists(id: string): Promise<boolean> {
    return this.everywhere().some((fn) => fn.id === id);
  }

  async setTraffic(namespace: string, id: string, traffic: readonly TrafficShare[]): Promise<void> {
    const fn = this.all(namespace).find((item) => item.id === id);
    if (fn === undefined) throw refuse(missing("Function", id));
    const kept = this.#kept(namespace, id);
    for (const { revision } of traffic) {
      if (!kept.some((item) => item.revision === revision)) throw refuse(missingRevision(revision));
    }
    this.replace({ ...fn, traffic: structuredClone(traffic) });
  }

  keeps(namespace: string, id: string, revision: number): boolean {
    return this.#kept(namespace, id).some((fn) => fn.revision === revision);
  }

  #inApp(namespace: string, appId: string | null | undefined): readonly Fn[] {
    return this.all(namespace).filter((fn) => appId === undefined || fn.appId === appId);
  }

  #keep(fn: Fn): void {
    const kept = this.#kept(fn.namespace, fn.id);
    kept.push(structuredClone({ ...fn, traffic: [] }));
    const routed = new Set(fn.traffic.map(({ revision }) => revision));
    const pinned = this.#pinned(fn.namespace, fn.id);
    const isNew = (revision: number) => revision > fn.revision - this.#revisionsKept;
    const left = kept.filter(({ revision }) => isNew(revision) || routed.has(revision) || pinned.has(revision));
    this.#revisions.set(keyOf(fn.namespace, fn.id), left);
  }

  #kept(namespace: string, id: string): Fn[] {
    return this.#revisions.get(keyOf(namespace, id)) ?? [];
  }
}

/** Of its code and its layers. */
function digestsOf({ source }: Fn): readonly (string | undefined)[] {
  if (source.type === "sequence") return [];
  return [source.digest, ...layersOf(source).map(({ digest }) => digest)];
}

function keyOf(namespace: string, id: string): string {
  return `${namespace}\n${id}`;
}
