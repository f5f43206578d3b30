import type { SkipRequest } from "../store.ts";
import type { Definition } from "./repository.ts";

/** Compares two texts by their UTF-8 bytes, as SQLite's BINARY does. JavaScript's `<` compares UTF-16 units, which differs for emoji. */
export function compareBytes(one: string, other: string): number {
  return one === other ? 0 : Buffer.compare(Buffer.from(one), Buffer.from(other));
}

/** What every defined noun has that lists begin with the latest of. */
export interface ChangedDefinition extends Definition {
  readonly updatedAt: number;
}

/** Whatever changed last first. */
export function latestOf<T extends ChangedDefinition>(items: readonly T[], { skip, limit }: SkipRequest): readonly T[] {
  const latestFirst = items.toSorted((one, other) => other.updatedAt - one.updatedAt || compareBytes(other.id, one.id));
  return structuredClone(latestFirst.slice(skip, skip + limit));
}
