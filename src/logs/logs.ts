/**
 * Keeps what functions print, by activation.
 *
 * Promises: lines of one activation come back in the order they were given; at most `limits.logBytesMax` of one activation
 * are kept, then one line of stream `platform` says how much was cut; memory stays flat however much is printed.
 * Deliberately absent: who printed it (protocol/ and agent/ attribute), records (store/).
 */
import type { LogLine } from "../model/model.ts";

/** Where lines are kept. */
export interface LogStore {
  /** Resolves when the entries are on disk. Entries of one activation may come in several batches. */
  append(entries: readonly LogEntry[]): Promise<void>;
  /** All lines of an activation of that namespace, in order; empty when there are none. */
  read(namespace: string, activationId: string): Promise<readonly LogLine[]>;
}

export interface LogEntry {
  readonly namespace: string;
  readonly functionId: string;
  readonly activationId: string;
  readonly line: LogLine;
}
