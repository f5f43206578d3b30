import type { ErrorCode } from "./error.ts";
import type { FnUrl } from "./fn-url.ts";

/** What is said about a function beside what it runs as. A change of it makes no revision, and it is gone with the function. */
export interface FnNotes {
  readonly namespace: string;
  readonly functionId: string;
  /** Labels, by which others sort and bill functions. */
  readonly tags: Readonly<Record<string, string>>;
  /** Revisions with a number of their own, the lowest first. */
  readonly versions: readonly FnVersion[];
  /** The highest number that one ever had: none is given twice. */
  readonly lastVersion: number;
  readonly aliases: readonly FnAlias[];
  /** JSON texts that say who else may do what, as their owner wrote them, by name: kept and shown, and nothing depends on them. */
  readonly statements: Readonly<Record<string, string>>;
  /** At most one for each alias and one without. Absent: none. */
  readonly urls?: readonly FnUrl[];
  /** Calls of the function that may be on their way at once, whatever their revision; 0: none is taken. Absent: no such number. */
  readonly callsMax?: number;
  /** A revision that is not ready to be called. Absent: all are. */
  readonly readying?: FnReadying;
  /** Starts at 1 and rises by one with each change. */
  readonly revision: number;
}

/** What a revision waits for that was deployed before it could be called: its packages, its compiler, its image. */
export interface FnReadying {
  readonly revision: number;
  /** Gets the calls that name none meanwhile; null: they are refused, as there is none that could be called. */
  readonly before: number | null;
  /** Why it will never be ready; null: it is being made so. */
  readonly failure: { readonly code: ErrorCode; readonly message: string } | null;
}

/** A revision that is kept for as long as it has this number. */
export interface FnVersion {
  readonly version: number;
  readonly revision: number;
  readonly description: string;
  /** Sandboxes of it that are kept ready. Absent: none. */
  readonly provisioned?: number;
  readonly createdAt: number;
}

/** A name for one version, or for two that share its calls. */
export interface FnAlias {
  readonly name: string;
  readonly description: string;
  /** Null: whatever the newest revision is. */
  readonly version: number | null;
  /** Another version, and its part of the calls, between 0 and 1. */
  readonly other: { readonly version: number; readonly weight: number } | null;
  /** Sandboxes that are kept ready for its calls, of its versions as these share them. Absent: none. */
  readonly provisioned?: number;
  /** Starts at 1 and rises by one with each change. */
  readonly revision: number;
}

/** Of which revisions how many sandboxes are to be kept ready. */
export function provisionedRevisions({ versions, aliases }: Pick<FnNotes, "versions" | "aliases">): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  const add = (number: number | null, count: number) => {
    const version = versions.find((each) => each.version === number);
    if (version !== undefined && count > 0) counts.set(version.revision, (counts.get(version.revision) ?? 0) + count);
  };
  for (const { version, provisioned = 0 } of versions) add(version, provisioned);
  for (const { version, other, provisioned = 0 } of aliases) {
    const weight = other?.weight ?? 0;
    add(version, Math.ceil(provisioned * (1 - weight)));
    if (other !== null) add(other.version, Math.ceil(provisioned * weight));
  }
  return counts;
}

/** Whether it has to be known of it before the first call of the function. */
export function isStanding({ callsMax, readying }: Pick<FnNotes, "callsMax" | "readying">): boolean {
  return callsMax !== undefined || readying !== undefined;
}
