import { rename, rm } from "node:fs/promises";
import type { World } from "../../lib/world.ts";

/** What nobody needs is kept for so long all the same: code is uploaded before its function is there, and runs on for a while after it is gone. */
const unusedMsMin = 3_600_000;

/** Since when things have been found unused, by name; of what is in use nothing is remembered. */
export class Unused {
  readonly #since = new Map<string, number>();
  readonly #world: Pick<World, "monotonic">;

  constructor(world: Pick<World, "monotonic">) {
    this.#world = world;
  }

  /** Somebody asked for it: as if it were new. */
  needed(name: string): void {
    this.#since.delete(name);
  }

  /** It was found unused; true when it has been for so long that it may go, after which it is forgotten. */
  isOver(name: string): boolean {
    const now = this.#world.monotonic();
    const since = this.#since.get(name);
    if (since === undefined) this.#since.set(name, now);
    if (since === undefined || now - since < unusedMsMin) return false;
    return this.#since.delete(name);
  }
}

/** At once for everybody, under another name: what takes time is not done under its own. */
export async function removeFolder(folder: string, otherName: string): Promise<void> {
  await rename(folder, otherName);
  await rm(otherName, { recursive: true, force: true });
}
