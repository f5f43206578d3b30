import { isDeepStrictEqual } from "node:util";
import { PlatformError } from "../../model/error.ts";
import type { Repository } from "../../store/store.ts";

/** What a PUT found and did. */
export interface Upserted<T> {
  readonly item: T;
  readonly outcome: "created" | "updated" | "unchanged";
}

export interface UpsertParts<T> {
  readonly repository: Repository<T>;
  read(): Promise<T | undefined>;
  /** The item to create: revision 1. Throws what keeps it from being made. */
  make(): T;
  /** The stored item with the change; `revision` and `updatedAt` untouched. */
  merge(stored: T): T;
  now(): number;
}

/** Headers that make a change conditional. */
export interface Conditions {
  readonly "if-match"?: string;
  readonly "if-none-match"?: string;
}

interface Revisioned {
  readonly revision: number;
  readonly updatedAt: number;
}

const attemptsMax = 5;

/**
 * Creates or changes. When somebody else is first, what is stored is read again and the change is merged into that; with `If-Match` the
 * caller wants to hear of it instead. Throws `conflict`.
 */
export async function upsert<T extends Revisioned>(parts: UpsertParts<T>, conditions: Conditions): Promise<Upserted<T>> {
  let seen: number | undefined | null = null;
  for (let attempt = 1; ; attempt++) {
    const stored = await parts.read();
    checkConditions(stored?.revision, conditions);
    try {
      return stored === undefined ? await create(parts) : await change(parts, stored);
    } catch (error) {
      // The same picture twice: it is not a race, but a unique name that is taken.
      const same = seen === stored?.revision;
      if (!isConflict(error) || same || attempt === attemptsMax) throw error;
      seen = stored?.revision;
    }
  }
}

async function create<T extends Revisioned>({ repository, make }: UpsertParts<T>): Promise<Upserted<T>> {
  return { item: await repository.create(make()), outcome: "created" };
}

async function change<T extends Revisioned>({ repository, merge, now }: UpsertParts<T>, stored: T): Promise<Upserted<T>> {
  const merged = merge(stored);
  if (isDeepStrictEqual(merged, stored)) return { item: stored, outcome: "unchanged" };
  const item = { ...merged, revision: stored.revision + 1, updatedAt: now() };
  return { item: await repository.update(item), outcome: "updated" };
}

/** `If-Match: 3`, `"3"` or `*`; `If-None-Match: *`. Throws `conflict`, `invalid`. */
export function checkConditions(revision: number | undefined, conditions: Conditions): void {
  const match = conditions["if-match"];
  if (match !== undefined && !matches(match, revision)) {
    throw new PlatformError(
      "conflict",
      `If-Match is ${match}, but the stored revision is ${revision ?? "none: it does not exist"}`,
      {
        details: { revision: revision ?? null },
      },
    );
  }
  const noneMatch = conditions["if-none-match"];
  if (noneMatch === undefined) return;
  if (noneMatch !== "*") throw new PlatformError("invalid", "If-None-Match must be *", { details: { field: "if-none-match" } });
  if (revision !== undefined) {
    throw new PlatformError("conflict", `If-None-Match is *, but it exists already with revision ${revision}`, {
      details: { revision },
    });
  }
}

function matches(match: string, revision: number | undefined): boolean {
  if (match.trim() === "*") return revision !== undefined;
  const given = /^(?:W\/)?"?(\d{1,15})"?$/.exec(match.trim())?.[1];
  if (given === undefined) {
    throw new PlatformError("invalid", `If-Match is ${JSON.stringify(match.slice(0, 60))}, must be a revision such as 3 or *`, {
      details: { field: "if-match" },
    });
  }
  return Number(given) === revision;
}

function isConflict(error: unknown): boolean {
  return error instanceof PlatformError && error.code === "conflict";
}
