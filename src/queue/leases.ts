import type { World } from "../lib/world.ts";
import type { Failure, Lane, Receipt } from "./queue.ts";

/** What is known of a message while it is on lease. */
export interface Lease {
  readonly lane: Lane;
  readonly number: number;
  readonly large: boolean;
  readonly failures: readonly Failure[];
}

/** Leases that this process has given, on a clock that never steps. */
export class Leases {
  readonly #world: World;
  readonly #byId = new Map<string, { lease: Lease; endsAt: number }>();

  constructor(world: World) {
    this.#world = world;
  }

  get size(): number {
    return this.#byId.size;
  }

  give(id: string, lease: Lease, leaseMs: number): void {
    this.#byId.set(id, { lease, endsAt: this.#world.monotonic() + leaseMs });
  }

  /** The lease if the receipt is still good. */
  valid({ id, lease }: Receipt): Lease | undefined {
    const held = this.#byId.get(id)?.lease;
    return held?.number === lease ? held : undefined;
  }

  extend(receipts: readonly Receipt[], leaseMs: number): void {
    for (const receipt of receipts) {
      const lease = this.valid(receipt);
      if (lease !== undefined) this.give(receipt.id, lease, leaseMs);
    }
  }

  end(id: string): void {
    this.#byId.delete(id);
  }

  /** Those that ran out, with the id of their message. */
  ranOut(): { readonly id: string; readonly lease: Lease }[] {
    const now = this.#world.monotonic();
    return [...this.#byId].filter(([, { endsAt }]) => endsAt <= now).map(([id, { lease }]) => ({ id, lease }));
  }
}
