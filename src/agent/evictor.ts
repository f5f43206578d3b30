/** A sandbox that can be given up: idle, and known since when. */
export interface Evictable {
  readonly idleSince: number;
  /** What its end gives back. */
  readonly heldMiB: number;
  /** It is kept ready, and only given up where nothing else helps. */
  readonly provisioned?: boolean;
  /** Ends it; its memory counts as free at once. */
  evict(): void;
}

/**
 * The memory that an agent may promise to sandboxes. One that starts or runs calls counts with its limit, an idle one, frozen or not,
 * with what it was measured to use. When what is asked for does not fit, idle ones are given up, the least recently used first.
 */
export class MemoryBudget {
  readonly totalMiB: number;
  readonly #idle: () => Iterable<Evictable>;
  readonly #freed: () => void;
  #promisedMiB = 0;
  /** Somebody was refused since those who wait were last told: only then is it worth telling them. */
  #refused = false;
  #telling = false;
  /** As much did not fit, even with everything idle given up, and nothing has become free or idle since: without and with those that are kept ready. */
  #hopelessMiB: { plain: number; lastResort: number } = noneHopeless();
  /** Idle sandboxes given up so far. */
  evictions = 0;

  /** `idle` lists what can be evicted; `freed` is called when room was made after a refusal, so that those who wait can try again. */
  constructor(totalMiB: number, idle: () => Iterable<Evictable>, freed: () => void) {
    this.totalMiB = totalMiB;
    this.#idle = idle;
    this.#freed = freed;
  }

  get promisedMiB(): number {
    return this.#promisedMiB;
  }

  /** Somebody was refused for another reason than the sum: they are told, too, when there is room. */
  refuse(): void {
    this.#refused = true;
  }

  /**
   * Takes `sizeMiB`, evicting where needed; false, with nothing evicted, when even that would not make room. `lastResort` is
   * asked where the others do not suffice: whether those that are kept ready are given up, too.
   */
  reserve(sizeMiB: number, lastResort: () => boolean = () => false): boolean {
    const fits = this.#promisedMiB + sizeMiB <= this.totalMiB;
    if (!fits && !this.#makeRoom(sizeMiB, false) && !(lastResort() && this.#makeRoom(sizeMiB, true))) {
      this.#refused = true;
      return false;
    }
    this.#promisedMiB += sizeMiB;
    return true;
  }

  /** Takes `sizeMiB` where at least `leftMiB` are free afterwards, and evicts nothing: for what nobody waits for. */
  reserveSpare(sizeMiB: number, leftMiB: number): boolean {
    if (this.#promisedMiB + sizeMiB + leftMiB > this.totalMiB) return false;
    this.#promisedMiB += sizeMiB;
    return true;
  }

  /** Those who wait hear of it a moment later: whoever releases, or evicts to make room, finishes first. */
  release(sizeMiB: number): void {
    this.#promisedMiB -= sizeMiB;
    this.#hopelessMiB = noneHopeless();
    if (!this.#refused || this.#telling || sizeMiB <= 0) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      this.#refused = false;
      this.#freed();
    });
  }

  /** A sandbox that is idle, or has just become it, turned out to hold so much more (or, negative, less) than it was counted with. */
  correct(differenceMiB: number): void {
    if (differenceMiB <= 0) return this.release(-differenceMiB);
    this.#promisedMiB += differenceMiB;
    this.#hopelessMiB = noneHopeless();
    if (this.#promisedMiB > this.totalMiB) this.#evict(0, this.#oldestFirst(false));
  }

  /** Hundreds may wait and ask at each turn: what is hopeless is not counted again. */
  #makeRoom(sizeMiB: number, withProvisioned: boolean): boolean {
    const kind = withProvisioned ? "lastResort" : "plain";
    if (sizeMiB >= this.#hopelessMiB[kind]) return false;
    const idle = this.#oldestFirst(withProvisioned);
    const idleMiB = idle.reduce((sum, { heldMiB }) => sum + heldMiB, 0);
    if (this.#promisedMiB + sizeMiB - idleMiB > this.totalMiB) {
      this.#hopelessMiB[kind] = sizeMiB;
      return false;
    }
    this.#evict(sizeMiB, idle);
    return true;
  }

  #evict(sizeMiB: number, oldestFirst: readonly Evictable[]): void {
    for (const candidate of oldestFirst) {
      if (this.#promisedMiB + sizeMiB <= this.totalMiB) return;
      this.evictions++;
      candidate.evict();
    }
  }

  /** Those that are kept ready come last. */
  #oldestFirst(withProvisioned: boolean): Evictable[] {
    return Array.from(this.#idle())
      .filter(({ provisioned = false }) => withProvisioned || !provisioned)
      .toSorted((a, b) => Number(a.provisioned ?? false) - Number(b.provisioned ?? false) || a.idleSince - b.idleSince);
  }
}

const noneHopeless = () => ({ plain: Number.POSITIVE_INFINITY, lastResort: Number.POSITIVE_INFINITY });
