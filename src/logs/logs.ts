/**
 * Keeps what functions print, and hands it to those who watch.
 *
 * Promises: lines of one activation come back in the order they were given; at most `limits.logBytesMax` of one activation
 * are kept, then one line of stream `platform` says how much was cut; memory stays flat however much is printed; each line has a
 * position, by which pages and live readers go on where they were. Deliberately absent: who printed it (protocol/ and agent/
 * attribute), records (store/), how a door shows lines.
 */
import type { LogLine } from "../model/model.ts";

/** Where lines are kept. */
export interface LogStore {
  /**
   * Resolves when the entries are on disk, with the position of each. Entries of one activation may come in several batches. Positions
   * rise from batch to batch; within a batch the lines of one activation are put together.
   */
  append(entries: readonly LogEntry[]): Promise<readonly number[]>;
  /** All lines of an activation of that namespace, in order; empty when there are none. */
  read(namespace: string, activationId: string): Promise<readonly LogLine[]>;
  /**
   * Lines of a namespace by position. A filter that hardly anything passes ends a page early rather than holding up others: a page may
   * be short, or empty, and still have a `next`.
   */
  list(namespace: string, filter: LogFilter, page: LogPageRequest): Promise<LogPage>;
  /** Removes some of the oldest lines that are over a limit; resolves with false when none are (left). */
  prune(limits: LogRetention): Promise<boolean>;
}

/** Whose output it is. */
export interface LogOwner {
  readonly namespace: string;
  /** Null in the null app. */
  readonly appId: string | null;
  readonly functionId: string;
  readonly functionName: string;
  readonly activationId: string;
}

export interface LogEntry extends LogOwner {
  readonly line: LogLine;
}

/** An entry in its place. */
export interface StoredLine extends LogEntry {
  readonly position: number;
}

/** Which lines; what is absent matches all. */
export interface LogFilter {
  readonly functionId?: string | undefined;
  /** Null: the null app. */
  readonly appId?: string | null | undefined;
  readonly activationId?: string | undefined;
  /** Contained in the line, letter by letter. */
  readonly text?: string | undefined;
  /** Earliest time of a line, in milliseconds since the epoch. */
  readonly from?: number | undefined;
}

export interface LogPageRequest {
  readonly order: "newest" | "oldest";
  /** Position that was reached: the page begins behind it. */
  readonly after?: number | undefined;
  readonly limit: number;
}

/** `next` is the `after` of the following page; null when there is none yet. */
export interface LogPage {
  readonly items: readonly StoredLine[];
  readonly next: number | null;
}

export interface LogRetention {
  /** Older lines go; milliseconds since the epoch. */
  readonly before: number;
  /** Above this, of all namespaces together, the oldest lines go. */
  readonly bytesMax: number;
}

/** Whether a line passes; the namespace is checked elsewhere. */
export function matchesLine(filter: LogFilter, entry: LogEntry): boolean {
  return (
    (filter.functionId === undefined || filter.functionId === entry.functionId) &&
    (filter.appId === undefined || filter.appId === entry.appId) &&
    (filter.activationId === undefined || filter.activationId === entry.activationId) &&
    (filter.from === undefined || entry.line.at >= filter.from) &&
    (filter.text === undefined || entry.line.text.includes(filter.text))
  );
}
