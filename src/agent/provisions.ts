import { PlatformError } from "../model/error.ts";
import type { App, Fn } from "../model/model.ts";
import type { Pool } from "./pool.ts";

/** A revision of a function of which sandboxes are kept ready. */
export interface Provisioned {
  readonly fn: Fn;
  readonly app: App | null;
  readonly count: number;
}

/** How many sandboxes of a function are to be kept ready, and how many are there. */
export interface ProvisionCounts {
  readonly wanted: number;
  readonly ready: number;
}

/** This part of the memory can be kept ready; the rest is left to those who are not. */
const provisionedPart = 0.8;

interface Entry extends Provisioned {
  pool: Pool;
  /** The pool was retired before, and ends: another will do it then. */
  isPending: boolean;
}

/** Which functions keep sandboxes ready on this machine. The pools do it. */
export class Provisions {
  readonly #memoryMiB: number;
  readonly #poolOf: (fn: Fn, app: App | null) => Pool;
  readonly #byNamespace = new Map<string, readonly Entry[]>();

  /** `poolOf` throws where a function fits nowhere. */
  constructor(memoryMiB: number, poolOf: (fn: Fn, app: App | null) => Pool) {
    this.#memoryMiB = memoryMiB;
    this.#poolOf = poolOf;
  }

  /** All that a namespace keeps ready from now on. */
  set(namespace: string, wanted: readonly Provisioned[]): void {
    const before = this.#byNamespace.get(namespace) ?? [];
    const entries = wanted.flatMap((one) => this.#entryOf(one));
    this.#byNamespace.delete(namespace);
    if (entries.length > 0) this.#byNamespace.set(namespace, entries);
    const pools = new Set(entries.map(({ pool }) => pool));
    for (const { pool } of before) if (!pools.has(pool)) pool.provision(0);
    for (const entry of entries) provide(entry);
  }

  /** Nothing more is kept of a function, or an app's functions, but for the revisions in `keep`. */
  retire(id: string, keep: readonly number[]): void {
    for (const [namespace, entries] of this.#byNamespace) {
      const left = entries.filter(({ fn }) => (fn.id !== id && fn.appId !== id) || keep.includes(fn.revision));
      if (left.length < entries.length) this.#byNamespace.set(namespace, left);
    }
  }

  /** A retired pool has ended. */
  ended(pool: Pool): void {
    const entry = this.#byNamespace.get(pool.fn.namespace)?.find((one) => one.pool === pool);
    const [again] = entry?.isPending ? this.#entryOf(entry) : [];
    if (entry === undefined || again === undefined) return;
    entry.pool = again.pool;
    provide(entry);
  }

  /** `revision`: of that one; absent: of all. */
  of({ namespace, id }: Pick<Fn, "namespace" | "id">, revision?: number): ProvisionCounts {
    const counts = { wanted: 0, ready: 0 };
    for (const { fn, pool, count } of this.#byNamespace.get(namespace) ?? []) {
      if (fn.id !== id || (revision ?? fn.revision) !== fn.revision) continue;
      counts.wanted += count;
      counts.ready += Math.min(count, pool.provisioned.ready);
    }
    return counts;
  }

  /** Why so many sandboxes can't be kept ready: `invalid`, naming what is left; null: they can, or it was no different before. */
  refusal(fn: Fn): PlatformError | null {
    const wantedMiB = fn.provisioned * fn.memoryMiB;
    const roomMiB = Math.floor(this.#memoryMiB * provisionedPart);
    let [ownMiB, otherMiB] = [0, 0];
    for (const entry of [...this.#byNamespace.values()].flat()) {
      if (entry.fn.id === fn.id) ownMiB += entry.count * entry.fn.memoryMiB;
      else otherMiB += entry.count * entry.fn.memoryMiB;
    }
    if (wantedMiB <= ownMiB || wantedMiB + otherMiB <= roomMiB) return null;
    return new PlatformError(
      "invalid",
      `provisioned is ${fn.provisioned}: as many sandboxes of ${fn.memoryMiB} MiB are ${wantedMiB} MiB, and of this machine's memory for functions ` +
        `at most ${roomMiB} MiB can be kept ready, of which other functions keep ${otherMiB} MiB; lower provisioned or memoryMiB`,
      { details: { field: "provisioned", leftMiB: Math.max(0, roomMiB - otherMiB) } },
    );
  }

  #entryOf({ fn, app, count }: Provisioned): Entry[] {
    try {
      return [{ fn, app, count, pool: this.#poolOf(fn, app), isPending: false }];
    } catch {
      // Its calls are told why.
      return [];
    }
  }
}

function provide(entry: Entry): void {
  const { pool, count } = entry;
  if (pool.provisioned.wanted !== count) pool.provision(count);
  entry.isPending = pool.provisioned.wanted !== count;
}
