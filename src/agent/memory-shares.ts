import type { Pool } from "./pool.ts";

/** What is asked of a pool. */
type Member = Pick<Pool, "fn" | "starting" | "live" | "waiting" | "waitingSince">;

/**
 * Who gives way to whom when memory is short.
 *
 * A namespace may use everything while no other wants it. One that waits for memory and would hold no more than its share (the budget by
 * the namespaces that want something) has a claim: until it is met, those who would hold more than theirs start nothing, and their
 * sandboxes end after their call instead of taking the next. A function that is bigger than the share of its namespace has a claim
 * to its only sandbox, for which all others give way, or it would never run; of several such claims the oldest comes first.
 *
 * Nothing is counted while nobody was refused memory, or only one namespace was and asks.
 */
export class MemoryShares {
  readonly #totalMiB: number;
  readonly #pools: () => Iterable<Member>;
  /** Those that were refused memory, some of which nobody waits for any more. */
  readonly #starved = new Set<Member>();

  constructor(totalMiB: number, pools: () => Iterable<Member>) {
    this.#totalMiB = totalMiB;
    this.#pools = pools;
  }

  /** Whether the pool was refused memory when it last asked. */
  told(pool: Member, refused: boolean): void {
    if (refused) this.#starved.add(pool);
    else if (this.#starved.size > 0) this.#starved.delete(pool);
  }

  /**
   * Whether a namespace has to leave these MiB, which its other sandboxes do not hold, to another. `since`: when the call began to wait
   * that they are wanted for, monotonic ms.
   */
  mustLeave(namespace: string, sizeMiB: number, since: number): boolean {
    if (this.#starved.size === 0 || !this.#othersWait(namespace)) return false;
    const held = this.#held();
    const shareMiB = this.#totalMiB / held.size;
    const ownMiB = held.get(namespace) ?? 0;
    for (const { fn, waitingSince = since } of this.#starved) {
      if (fn.namespace === namespace) continue;
      const heldMiB = held.get(fn.namespace) ?? 0;
      const isBig = heldMiB + fn.memoryMiB > shareMiB;
      // It has no claim: it holds its share.
      if (isBig && heldMiB > 0) continue;
      // Who holds nothing gets a first sandbox, too, when it is their turn.
      if (ownMiB === 0 && since < Number.POSITIVE_INFINITY) {
        if (heldMiB === 0 && waitingSince < since) return true;
      } else if (isBig || ownMiB + sizeMiB > shareMiB) return true;
    }
    return false;
  }

  /** Pools that calls wait for: those of the namespace that holds least come first, then those with a caller who waits, then who waits longest. */
  inTurn<T extends Pool>(pools: Iterable<T>): T[] {
    const waiting = [...pools].filter((pool) => pool.waitingSince !== undefined);
    if (waiting.length < 2) return waiting;
    const held = this.#held();
    const heldMiB = (pool: Pool) => held.get(pool.fn.namespace) ?? 0;
    return waiting.toSorted(
      (a, b) => heldMiB(a) - heldMiB(b) || Number(b.urgent) - Number(a.urgent) || (a.waitingSince ?? 0) - (b.waitingSince ?? 0),
    );
  }

  #othersWait(namespace: string): boolean {
    let others = false;
    for (const pool of this.#starved) {
      if (pool.waiting === 0) this.#starved.delete(pool);
      else if (pool.fn.namespace !== namespace) others = true;
    }
    return others;
  }

  /** What each namespace that wants something holds, in MiB, without what is on its way back: idle sandboxes and retired ones. */
  #held(): Map<string, number> {
    const held = new Map<string, number>();
    for (const { fn, starting, live, waiting } of this.#pools()) {
      let sizeMiB = starting * fn.memoryMiB;
      for (const { activeCalls, retired, countedMiB } of live) if (activeCalls > 0 && !retired) sizeMiB += countedMiB;
      if (sizeMiB > 0 || waiting > 0) held.set(fn.namespace, (held.get(fn.namespace) ?? 0) + sizeMiB);
    }
    return held;
  }
}
