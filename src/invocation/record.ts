import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { Activation } from "../model/model.ts";
import { PackedRecords } from "../store/packed-records.ts";
import type { ActivationFilter, Activations, CallResult, Page, PageRequest, SkipRequest } from "../store/store.ts";

/** Records wait this long for company, in ms: with a commit well under the 100 ms within which they are promised to be on disk. */
const flushAfterMs = 40;
const batchMax = 1000;
/** Memory of what waits, above which calls have to wait as well: some hundred thousand records. */
const pendingBytesMax = 19 * 1024 * 1024;
/** A call waits so long for that at most, in ms, and so many calls. */
const roomWaitMs = 5000;
const roomWaitersMax = 10_000;
const retryMs = [50, 100, 250, 500, 1000] as const;

/**
 * Writes activations in batches, off the call's path. It is the `Activations` port itself: a reader always sees what was
 * recorded before, because reading writes first. A batch that the store refuses is tried again until it is taken.
 */
export class Recorder implements Activations {
  readonly #store: Activations;
  readonly #world: World;
  readonly #warn: (message: string, error: unknown) => void;
  readonly #heard: (record: Activation) => void;
  /** Of two batches one is filled while the other is written. */
  #filling = new PackedRecords();
  #other = new PackedRecords();
  /** Those who wait for room. */
  readonly #waiters = new Set<() => void>();
  /** Records added, and records on disk. */
  #added = 0;
  #written = 0;
  #writing: Promise<void> | undefined;
  #armed = false;

  /** `heard` is told of every record, for metrics; it must not throw. */
  constructor(
    store: Activations,
    world: World,
    warn: (message: string, error: unknown) => void,
    heard: (record: Activation) => void = () => {},
  ) {
    this.#store = store;
    this.#world = world;
    this.#warn = warn;
    this.#heard = heard;
  }

  /** False while so much waits for the disk that no call should begin: see `room`. */
  get hasRoom(): boolean {
    return this.#filling.bytes + this.#other.bytes < pendingBytesMax;
  }

  /** Resolves when there is room, so that calls are as slow as the disk; rejects with `overloaded` when that takes too long. */
  room(): Promise<void> {
    if (this.hasRoom) return Promise.resolve();
    if (this.#waiters.size >= roomWaitersMax) return Promise.reject(diskTooSlow());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const giveUp = this.#world.after(roomWaitMs, () => {
      this.#waiters.delete(enter);
      reject(diskTooSlow());
    });
    const enter = () => {
      giveUp();
      resolve();
    };
    this.#waiters.add(enter);
    return promise;
  }

  /** Takes a record, with the result of its call if that is kept; it will be on disk within 100 ms unless the disk is slow. */
  add(record: Activation, result: CallResult | null = null): void {
    this.#filling.add(record, result);
    this.#added++;
    this.#heard(record);
    if (this.#filling.count >= batchMax) void this.#writeBatch();
    this.#arm();
  }

  /** Resolves when everything added before is on disk. */
  async flush(): Promise<void> {
    // What is added meanwhile is not waited for: under load that would never end.
    const goal = this.#added;
    while (this.#written < goal) await this.#writeBatch();
  }

  async append(records: Iterable<Activation>, results?: ReadonlyMap<string, CallResult>): Promise<void> {
    for (const record of records) this.add(record, results?.get(record.id) ?? null);
    await this.flush();
  }

  async get(namespace: string, id: string): Promise<Activation | undefined> {
    await this.flush();
    return await this.#store.get(namespace, id);
  }

  async result(namespace: string, id: string): Promise<CallResult | undefined> {
    await this.flush();
    return await this.#store.result(namespace, id);
  }

  async list(namespace: string, filter: ActivationFilter, page: PageRequest): Promise<Page<Activation>> {
    await this.flush();
    return await this.#store.list(namespace, filter, page);
  }

  async latest(namespace: string, filter: ActivationFilter, page: SkipRequest): Promise<readonly Activation[]> {
    await this.flush();
    return await this.#store.latest(namespace, filter, page);
  }

  async count(namespace: string, filter: ActivationFilter): Promise<number> {
    await this.flush();
    return await this.#store.count(namespace, filter);
  }

  async lastPlace(): Promise<number> {
    await this.flush();
    return await this.#store.lastPlace();
  }

  async place(namespace: string, id: string): Promise<number | undefined> {
    await this.flush();
    return await this.#store.place(namespace, id);
  }

  async writtenAfter(namespace: string, place: number) {
    await this.flush();
    return await this.#store.writtenAfter(namespace, place);
  }

  /**
   * Those that were added after the one of that namespace with that id, or after a place, which is written `@place`; in pieces. Rejects
   * with `not_found` when that one is not there.
   */
  async *addedSince(namespace: string, after: string): AsyncGenerator<readonly Activation[]> {
    let place: number | null | undefined = after.startsWith("@") ? Number(after.slice(1)) : await this.place(namespace, after);
    if (place === undefined)
      throw new PlatformError("not_found", `Activation ${after} does not exist`, { details: { what: "activation" } });
    while (place !== null) {
      const found: { items: readonly Activation[]; next: number | null } = await this.writtenAfter(namespace, place);
      yield found.items;
      place = found.next;
    }
  }

  /** Records that wait for the disk. */
  get waiting(): number {
    return this.#added - this.#written;
  }

  async prune(before: number): Promise<boolean> {
    return await this.#store.prune(before);
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    this.#world.after(flushAfterMs, () => {
      this.#armed = false;
      // What comes while this batch is written waits for the next: batches of one or two cost more than the calls they record.
      void this.#writeBatch().then(() => {
        if (this.#filling.count > 0) this.#arm();
      });
    });
  }

  /** Writes what waits; while a batch is being written, waits for that one. */
  #writeBatch(): Promise<void> {
    if (this.#writing !== undefined) return this.#writing;
    const batch = this.#filling;
    this.#filling = this.#other;
    this.#other = batch;
    this.#writing = this.#write(batch).finally(() => {
      this.#written += batch.count;
      batch.clear();
      this.#writing = undefined;
      this.#letIn();
      if (this.#filling.count >= batchMax) void this.#writeBatch();
    });
    return this.#writing;
  }

  #letIn(): void {
    if (!this.hasRoom) return;
    for (const enter of this.#waiters) enter();
    this.#waiters.clear();
  }

  async #write(batch: PackedRecords): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#store.append(batch);
      } catch (error) {
        this.#warn("Activation records could not be written; trying again", error);
        await new Promise<void>((resolve) =>
          this.#world.after(retryMs[Math.min(attempt, retryMs.length - 1)] as number, resolve),
        );
      }
    }
  }
}

function diskTooSlow(): PlatformError {
  return new PlatformError("overloaded", "The disk is too slow for the records of more calls; try again", {
    details: { limit: "records", retryAfterS: 1 },
  });
}
