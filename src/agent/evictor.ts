/** A sandbox that can be given up: idle, and known since when. */
export interface Evictable {
  readonly idleSince: number;
  /** Ends it; its memory counts as free at once. */
  evict(): void;
}

/**
 * The memory that an agent may promise to sandboxes. Each is counted with its limit; when a new one does not fit, idle ones are
 * given up, the least recently used first.
 */
export class MemoryBudget {
  readonly totalMiB: number;
  readonly #idle: () => Iterable<Evictable>;
  readonly #freed: () => void;
  #usedMiB = 0;
  #telling = false;

  /** `idle` lists what can be evicted; `freed` is called whenever room was made, so that those who wait can try again. */
  constructor(totalMiB: number, idle: () => Iterable<Evictable>, freed: () => void) {
    this.totalMiB = totalMiB;
    this.#idle = idle;
    this.#freed = freed;
  }

  get usedMiB(): number {
    return this.#usedMiB;
  }

  /** Takes `sizeMiB`, evicting where needed; false when even that does not make room. */
  reserve(sizeMiB: number): boolean {
    while (this.#usedMiB + sizeMiB > this.totalMiB) {
      const oldest = this.#oldestIdle();
      if (oldest === undefined) return false;
      oldest.evict();
    }
    this.#usedMiB += sizeMiB;
    return true;
  }

  /** Those who wait hear of it a moment later: whoever releases, or evicts to make room, finishes first. */
  release(sizeMiB: number): void {
    this.#usedMiB -= sizeMiB;
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      this.#freed();
    });
  }

  #oldestIdle(): Evictable | undefined {
    let oldest: Evictable | undefined;
    for (const candidate of this.#idle()) {
      if (oldest === undefined || candidate.idleSince < oldest.idleSince) oldest = candidate;
    }
    return oldest;
  }
}
