import type { Config } from "../config/config.ts";
import type { Images, Uses } from "../image/image.ts";
import { startSweep } from "../lib/sweep.ts";
import type { World } from "../lib/world.ts";
import type { LogStore } from "../logs/logs.ts";
import type { Queue } from "../queue/queue.ts";
import type { Store } from "../store/store.ts";
import type { Logger } from "../telemetry/logger.ts";

export interface RetentionParts {
  readonly config: Pick<
    Config,
    "logRetentionDays" | "logRetentionMiB" | "activationRetentionDays" | "deadLetterRetentionDays" | "deadLetterRetentionCount"
  >;
  readonly world: World;
  readonly logger: Pick<Logger, "info" | "warn">;
  readonly store: {
    readonly activations: Pick<Store["activations"], "prune">;
    readonly functions: Pick<Store["functions"], "usesCode" | "exists">;
    readonly layers: Pick<Store["layers"], "usesCode">;
  };
  readonly logStore: Pick<LogStore, "prune">;
  readonly queue: Pick<Queue, "pruneDead">;
}

const mebibyte = 1024 * 1024;
const dayMs = 86_400_000;
const sweepEveryMs = 60_000;
const sweepPauseMs = 20;
/** Each folder of code is a question to the store. */
const codeSweepEveryMs = 20 * 60_000;
const codeSweepPauseMs = 100;

/** Throws away lines, records, dead letters and code that are not to be kept any more: a little at a time, each kind by itself. */
export class Retention {
  readonly #parts: RetentionParts;
  readonly #stop: () => Promise<void>;
  #stopCode: (() => Promise<void>) | null = null;
  #deadLettersRemoved = 0;
  /** Of them, those that no entry in the log has told of yet. */
  #untold = 0;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
    this.#stop = startSweep({
      world: parts.world,
      everyMs: sweepEveryMs,
      pauseMs: sweepPauseMs,
      steps: [() => this.#pruneLogs(), () => this.#pruneRecords(), () => this.#pruneDeadLetters()],
      failed: (err) => parts.logger.warn("Old logs, records and dead letters could not be removed; trying again", { err }),
    });
  }

  /** From now on code goes, too. */
  tidy(images: Pick<Images, "removeUnused">): void {
    const { world, store, logger } = this.#parts;
    const uses: Uses = {
      code: async (digest, id) =>
        (await store.functions.usesCode(digest, id)) || (id === null && (await store.layers.usesCode(digest))),
      function: (id) => store.functions.exists(id),
    };
    this.#stopCode = startSweep({
      world,
      everyMs: codeSweepEveryMs,
      pauseMs: codeSweepPauseMs,
      steps: [() => images.removeUnused(uses)],
      failed: (err) => logger.warn("Code that no function has any more could not be removed; trying again", { err }),
    });
  }

  /** Since the start. */
  get deadLettersRemoved(): number {
    return this.#deadLettersRemoved;
  }

  /** Resolves when nothing more is removed. */
  async close(): Promise<void> {
    await Promise.all([this.#stop(), this.#stopCode?.()]);
  }

  #pruneLogs(): Promise<boolean> {
    const { logRetentionDays, logRetentionMiB } = this.#parts.config;
    const bytesMax = unlessZero(logRetentionMiB * mebibyte);
    return this.#parts.logStore.prune({ before: this.#daysAgo(logRetentionDays), bytesMax });
  }

  #pruneRecords(): Promise<boolean> {
    return this.#parts.store.activations.prune(this.#daysAgo(this.#parts.config.activationRetentionDays));
  }

  async #pruneDeadLetters(): Promise<boolean> {
    const { deadLetterRetentionDays, deadLetterRetentionCount } = this.#parts.config;
    const countMax = unlessZero(deadLetterRetentionCount);
    const removed = await this.#parts.queue.pruneDead({ since: this.#daysAgo(deadLetterRetentionDays), countMax });
    this.#deadLettersRemoved += removed;
    this.#untold += removed;
    if (removed > 0) return true;
    if (this.#untold > 0)
      this.#parts.logger.info("Dead letters that were too old or too many were removed; the records of their calls stay", {
        count: this.#untold,
      });
    this.#untold = 0;
    return false;
  }

  #daysAgo(days: number): number {
    return days === 0 ? 0 : this.#parts.world.now() - days * dayMs;
  }
}

/** 0 stands for no limit. */
function unlessZero(max: number): number {
  return max === 0 ? Number.MAX_SAFE_INTEGER : max;
}
