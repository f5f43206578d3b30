import type { World } from "../lib/world.ts";
import type { Queue } from "../queue/queue.ts";
import type { Finished } from "./attempt.ts";
import type { Recorder } from "./record.ts";

const batchMax = 500;
const pendingMax = 2000;
const pendingBytesMax = 32 * 1024 * 1024;
const retryMs = [50, 100, 250, 500, 1000] as const;

export interface SettlerParts {
  readonly world: World;
  readonly recorder: Recorder;
  readonly queue: Pick<Queue, "settle">;
  readonly warn: (message: string, error: unknown) => void;
  /** The queue was told of these. */
  readonly settled: (finished: readonly Finished[]) => void;
}

/**
 * Ends attempts, many at a time: first their records and results go to the disk, then the queue is told. In this order, because a
 * call that is out of the queue must have its record; one that has its record and is still in the queue is suspect and looked up.
 */
export class Settler {
  readonly #parts: SettlerParts;
  #pending: Finished[] = [];
  #bytes = 0;
  #running: Promise<void> | undefined;

  constructor(parts: SettlerParts) {
    this.#parts = parts;
  }

  /** False while so much waits for the disk that no more calls should be run. */
  get hasRoom(): boolean {
    return this.#pending.length < pendingMax && this.#bytes < pendingBytesMax;
  }

  add(finished: Finished): void {
    this.#pending.push(finished);
    this.#bytes += bytesOf(finished);
    this.#running ??= this.#settleAll().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when nothing is pending. */
  async flush(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #settleAll(): Promise<void> {
    // What ends in the same turn goes together.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const batch = this.#pending.slice(0, batchMax);
      await this.#settle(batch);
      this.#pending.splice(0, batch.length);
      for (const finished of batch) this.#bytes -= bytesOf(finished);
      this.#parts.settled(batch);
    }
  }

  async #settle(batch: readonly Finished[]): Promise<void> {
    const { recorder, world } = this.#parts;
    const records = batch.flatMap(({ record }) => (record === null ? [] : [record]));
    const results = batch.flatMap(({ record, result }) =>
      record === null || result === null ? [] : [[record.id, result] as const],
    );
    if (records.length > 0) await recorder.append(records, new Map(results));
    world.crashPoint?.("record");
    await this.#tellQueue(batch);
    world.crashPoint?.("acknowledge");
  }

  async #tellQueue(batch: readonly Finished[]): Promise<void> {
    const { queue, warn, world } = this.#parts;
    for (let attempt = 0; ; attempt++) {
      try {
        const stale = await queue.settle(batch.map(({ outcome }) => outcome));
        if (stale.length > 0)
          warn(`Results of calls came after their lease had ended and were ignored: ${stale.join(", ")}`, null);
        return;
      } catch (error) {
        warn("The queue could not be told what became of calls; trying again", error);
        const waitMs = retryMs[Math.min(attempt, retryMs.length - 1)] as number;
        await new Promise<void>((resolve) => world.after(waitMs, resolve));
      }
    }
  }
}

function bytesOf({ result }: Finished): number {
  return result?.body.length ?? 0;
}
