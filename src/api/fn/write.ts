/** Reading, merging and writing again when somebody else wrote in between, so that Fn's last writer wins without undoing the first. */
import { PlatformError } from "../../model/error.ts";
import type { Repository } from "../../store/store.ts";
import { conflict } from "./errors.ts";

const attemptsMax = 20;

interface Revised {
  readonly revision: number;
  readonly updatedAt: number;
}

/**
 * Reads, merges, writes. `read` and `merge` throw Fn's own refusals; `merge` returns its argument when nothing changed, and
 * then nothing is written. Gives what is stored in the end and whether that is new.
 */
export async function amend<T extends Revised>(
  repository: Repository<T>,
  now: () => number,
  read: () => Promise<T>,
  merge: (stored: T) => T | Promise<T>,
): Promise<{ item: T; changed: boolean }> {
  return untilWritten(async () => {
    const stored = await read();
    const merged = await merge(stored);
    if (merged === stored) return { item: stored, changed: false };
    const item = { ...merged, revision: stored.revision + 1, updatedAt: now() };
    const written = await taken(repository.update(item));
    return written && { item: written, changed: true };
  });
}

/** Checks and creates. After a refusal of the store the check runs again, to say in Fn's words what was in the way. */
export async function add<T extends object>(repository: Repository<T>, check: () => Promise<T>): Promise<T> {
  return untilWritten(async () => {
    return await taken(repository.create(await check()));
  });
}

/** True; false when the store had nothing by that id. */
export async function removed(removal: Promise<void>): Promise<boolean> {
  return (
    (await taken(
      removal.then(() => true),
      ["not_found"],
    )) === true
  );
}

async function untilWritten<T>(attempt: () => Promise<T | undefined>): Promise<T> {
  for (let count = 0; count < attemptsMax; count++) {
    const written = await attempt();
    if (written !== undefined) return written;
  }
  throw conflict(`Others changed the same object ${attemptsMax} times in a row; send the request again`);
}

/** What was written; undefined when the store refused it. */
async function taken<T>(write: Promise<T>, refusals: readonly string[] = ["conflict", "not_found"]): Promise<T | undefined> {
  try {
    return await write;
  } catch (error) {
    // What an extension refuses is for the caller; the store's own refusals are looked into.
    const isStores = error instanceof PlatformError && error.details["extension"] === undefined;
    if (isStores && refusals.includes(error.code)) return undefined;
    throw error;
  }
}
