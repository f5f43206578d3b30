/** Records of calls in memory, the newest ones: a server without a disk must not grow for ever. */
import type { Activation } from "../../model/model.ts";
import { PackedRecords } from "../packed-records.ts";
import { toPage } from "../page.ts";
import { refuse, unknownCursor } from "../refusals.ts";
import type { ActivationFilter, Activations, CallResult, Page, PageRequest, SkipRequest } from "../store.ts";

/** The `Activations` of a memory store; the oldest are forgotten beyond `recordsMax`. */
export class MemoryActivations implements Activations {
  readonly #recordsMax: number;
  /** In the order of appending. */
  readonly #records = new Map<string, Activation>();
  /** By id, rising in that order. */
  readonly #places = new Map<string, number>();
  #lastPlace = 0;
  /** Of records that are still there. */
  readonly #results = new Map<string, CallResult>();

  constructor(recordsMax: number) {
    this.#recordsMax = recordsMax;
  }

  async append(records: Iterable<Activation>, results?: ReadonlyMap<string, CallResult>): Promise<void> {
    const batch = PackedRecords.of(records, results);
    let row = 0;
    for (const record of batch) {
      const result = batch.resultIn(row++);
      if (this.#records.has(record.id)) continue;
      this.#records.set(record.id, record);
      this.#places.set(record.id, ++this.#lastPlace);
      if (result !== undefined) this.#results.set(record.id, result);
    }
    for (const id of this.#records.keys()) {
      if (this.#records.size <= this.#recordsMax) break;
      this.#forget(id);
    }
  }

  async get(namespace: string, id: string): Promise<Activation | undefined> {
    const record = this.#records.get(id);
    return record?.namespace === namespace ? structuredClone(record) : undefined;
  }

  async result(namespace: string, id: string): Promise<CallResult | undefined> {
    const result = this.#records.get(id)?.namespace === namespace ? this.#results.get(id) : undefined;
    return result === undefined ? undefined : { ...result };
  }

  async list(namespace: string, filter: ActivationFilter, page: PageRequest): Promise<Page<Activation>> {
    const newestFirst = this.#newestFirst(namespace);
    const start = page.after === undefined ? 0 : 1 + newestFirst.findIndex((record) => record.id === page.after);
    if (page.after !== undefined && start === 0) throw refuse(unknownCursor(page.after));
    const found = newestFirst.slice(start).filter((record) => matches(record, filter));
    return toPage(structuredClone(found.slice(0, page.limit + 1)), page.limit, (record) => record.id);
  }

  async latest(namespace: string, filter: ActivationFilter, { skip, limit }: SkipRequest): Promise<readonly Activation[]> {
    const found = this.#newestFirst(namespace).filter((record) => matches(record, filter));
    return structuredClone(found.slice(skip, skip + limit));
  }

  async count(namespace: string, filter: ActivationFilter): Promise<number> {
    return this.#newestFirst(namespace).filter((record) => matches(record, filter)).length;
  }

  async lastPlace(): Promise<number> {
    return this.#lastPlace;
  }

  async place(namespace: string, id: string): Promise<number | undefined> {
    return this.#records.get(id)?.namespace === namespace ? this.#places.get(id) : undefined;
  }

  async writtenAfter(namespace: string, place: number) {
    const items = [...this.#records.values()].filter(
      (record) => record.namespace === namespace && (this.#places.get(record.id) as number) > place,
    );
    return { items: structuredClone(items), next: null };
  }

  async prune(before: number): Promise<boolean> {
    const going = [...this.#records.values()].filter(({ startedAt }) => startedAt < before);
    for (const { id } of going) this.#forget(id);
    return going.length > 0;
  }

  #newestFirst(namespace: string): readonly Activation[] {
    return [...this.#records.values()]
      .filter((record) => record.namespace === namespace)
      .toReversed()
      .toSorted((one, other) => other.startedAt - one.startedAt);
  }

  #forget(id: string): void {
    this.#records.delete(id);
    this.#places.delete(id);
    this.#results.delete(id);
  }
}

function matches(record: Activation, filter: ActivationFilter): boolean {
  return (
    (filter.functionId === undefined || record.functionId === filter.functionId) &&
    (filter.status === undefined || record.status === filter.status) &&
    (filter.from === undefined || record.startedAt >= filter.from) &&
    (filter.to === undefined || record.startedAt <= filter.to)
  );
}
