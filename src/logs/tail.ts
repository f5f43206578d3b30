/**
 * Those who watch what functions print while they run.
 *
 * Promises: a reader gets each line once, in order of position, and each end of a call once, in the order of ending, from where it asked
 * on; what it is not quick enough for is counted and told, and slows neither calls nor other readers; without readers next to nothing
 * is done. Deliberately absent: how events travel (a door's affair).
 */
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { Activation, ActivationStatus, LogLine } from "../model/model.ts";
import type { LogEntry, LogFilter, LogStore } from "./logs.ts";
import { Reader } from "./tail-reader.ts";

/** What a reader wants to see. */
export interface TailFilter extends LogFilter {
  /** Only calls that ended like this, whose lines come once they have. */
  readonly status?: ActivationStatus | undefined;
}

/**
 * How far a reader is: the last line and the last end of a call that it was told or that was before it came; null where there was none.
 * `callId` may also be what `began` was told: none has ended since.
 */
export interface TailPlace {
  readonly position: number | null;
  readonly callId: string | null;
}

/** Where a reader's events go. */
export interface TailSink {
  /** False: it has no room, and the line is lost to this reader. `place` null: nobody can go on from there. */
  line(entry: LogEntry, place: TailPlace | null): boolean;
  activation(record: Activation, place: TailPlace): boolean;
  /** So many events were lost since the last one that was taken. */
  lost(count: number): boolean;
  /** Resolves when there is room again; for what is read from the store, which can wait. */
  room(): Promise<void>;
  /** Nothing more comes: the server stops. */
  ended(): void;
}

export interface TailParts {
  readonly world: World;
  readonly store: Pick<LogStore, "list">;
  /** All lines of an activation, unwritten ones included. */
  readonly read: (record: Activation) => Promise<readonly LogLine[]>;
  /** Calls that ended since the one with that id did, in that order, in pieces. Rejects when nobody knows that one any more. */
  readonly endedSince: (namespace: string, callId: string) => AsyncIterable<readonly Activation[]>;
  /** Readers at once, of all namespaces and of one. */
  readonly readersMax?: number;
  readonly namespaceReadersMax?: number;
}

/** All readers of a process. */
export class LogTail {
  readonly #parts: TailParts;
  readonly #readers = new Set<Reader>();
  /** The last line, and the last call of each namespace that ended: from there on a new reader has missed nothing. */
  #lastPosition: number | null = null;
  readonly #lastCalls = new Map<string, string>();
  #beginning: string | null = null;
  #closed = false;

  constructor(parts: TailParts) {
    this.#parts = parts;
  }

  get readers(): number {
    return this.#readers.size;
  }

  /**
   * Begins to tell a reader, the past first where `filter.from` or `after` asks for it; the returned function ends it.
   * Throws `throttled` when there are too many readers, `overloaded` when the server stops.
   */
  open(namespace: string, filter: TailFilter, after: TailPlace | undefined, sink: TailSink): () => void {
    const { readersMax = 256, namespaceReadersMax = 64 } = this.#parts;
    if (this.#closed) throw new PlatformError("overloaded", "The server is stopping", { details: { retryAfterS: 1 } });
    const ofNamespace = [...this.#readers].filter((reader) => reader.namespace === namespace).length;
    if (this.#readers.size >= readersMax) throw tooMany("logReaders", readersMax);
    if (ofNamespace >= namespaceReadersMax) throw tooMany("namespaceLogReaders", namespaceReadersMax);
    const now = { position: this.#lastPosition, callId: this.#lastCalls.get(namespace) ?? this.#beginning };
    const reader = new Reader(this.#parts, namespace, filter, sink, after?.callId ?? now.callId);
    this.#readers.add(reader);
    void reader.begin(after, now.position);
    return () => {
      this.#readers.delete(reader);
      reader.close();
    };
  }

  /** What stands for the time before the first call of this process ended. */
  began(beginning: string): void {
    this.#beginning = beginning;
  }

  /** Lines that are in the store now. */
  kept(entries: readonly LogEntry[], positions: readonly number[]): void {
    for (const position of positions) if (position > (this.#lastPosition ?? -1)) this.#lastPosition = position;
    for (const reader of this.#readers) reader.kept(entries, positions);
  }

  /** A call is over. */
  ended(record: Activation): void {
    this.#lastCalls.set(record.namespace, record.id);
    for (const reader of this.#readers) reader.ended(record);
  }

  /** Ends every reader. */
  close(): void {
    this.#closed = true;
    for (const reader of this.#readers) {
      reader.close();
      reader.sink.ended();
    }
    this.#readers.clear();
  }
}

function tooMany(limit: string, max: number): PlatformError {
  return new PlatformError("throttled", `Too many readers follow logs: at most ${max}; try again when some have ended`, {
    details: { limit, max, retryAfterS: 5 },
  });
}
