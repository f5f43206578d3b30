import type { World } from "../lib/world.ts";

/** So long a call may have been on its way to a pool that was retired meanwhile, in ms. */
const retiredForMs = 30_000;

/** Keys of pools that were retired: a call that comes too late gets a sandbox that ends with it. */
export class RetiredPools {
  readonly #world: World;
  /** When, in monotonic ms. */
  readonly #at = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  add(key: string): void {
    this.#at.set(key, this.#world.monotonic());
  }

  /** It is wanted again. */
  delete(key: string): void {
    this.#at.delete(key);
  }

  /** Not longer ago than a call may be on its way. */
  has(key: string): boolean {
    return (this.#at.get(key) ?? Number.NEGATIVE_INFINITY) > this.#world.monotonic() - retiredForMs;
  }

  /** Forgets those of long ago, and those of a function or app in whose revisions there is interest again. */
  forget(id: string, keep: readonly number[]): void {
    const longAgo = this.#world.monotonic() - retiredForMs;
    for (const [key, at] of this.#at) {
      if (at < longAgo || keep.some((revision) => isOf(key, id, revision))) this.#at.delete(key);
    }
  }
}

/** Whether it is the key of a pool of this revision, or of a variant of it. */
function isOf(key: string, id: string, revision: number): boolean {
  const start = `${id}:${revision}`;
  return key.startsWith(start) && ":~".includes(key.charAt(start.length));
}
