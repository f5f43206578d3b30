/**
 * Those who watch what functions print while they run.
 *
 * Promises: a reader gets each line once, in order of position, from where it asked on; lines it is not quick enough for are counted
 * and told, and slow neither calls nor other readers; without readers nothing is done. Deliberately absent: how lines
 * travel (a door's affair).
 */
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { Activation, ActivationStatus, LogLine } from "../model/model.ts";
import { type LogEntry, type LogFilter, type LogStore, matchesLine, type StoredLine } from "./logs.ts";

/** What a reader wants to see. */
export interface TailFilter extends LogFilter {
  /** Only calls that ended like this, whose lines come once they have. */
  readonly status?: ActivationStatus | undefined;
}

/** Where a reader's events go. */
export interface TailSink {
  /** False: it has no room, and the line is lost to this reader. `position` null: one that goes back to where it was. */
  line(entry: LogEntry, position: number | null): boolean;
  activation(record: Activation): boolean;
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
  readonly read: (namespace: string, activationId: string) => Promise<readonly LogLine[]>;
  /** Readers at once, of all namespaces and of one. */
  readonly readersMax?: number;
  readonly namespaceReadersMax?: number;
}

/** Output trails its call by up to 200 ms (invocation/trailing-logs.ts) and its way to the store. */
const trailingMs = 300;

/** Lines of one page while the past is told. */
const pageLines = 500;

/** What waits of a reader that is told the past, or that waits for calls to end. */
const waitingMax = 1000;

/** All readers of a process. */
export class LogTail {
  readonly #parts: TailParts;
  readonly #readers = new Set<Reader>();
  #closed = false;

  constructor(parts: TailParts) {
    this.#parts = parts;
  }

  get readers(): number {
    return this.#readers.size;
  }

  /**
   * Begins to tell a reader, the past first where `filter.from` or `after` (a position) asks for it; the returned function ends it.
   * Throws `throttled` when there are too many readers, `overloaded` when the server stops.
   */
  open(namespace: string, filter: TailFilter, after: number | undefined, sink: TailSink): () => void {
    const { readersMax = 256, namespaceReadersMax = 64 } = this.#parts;
    if (this.#closed) throw new PlatformError("overloaded", "The server is stopping", { details: { retryAfterS: 1 } });
    const ofNamespace = [...this.#readers].filter((reader) => reader.namespace === namespace).length;
    if (this.#readers.size >= readersMax) throw tooMany("logReaders", readersMax);
    if (ofNamespace >= namespaceReadersMax) throw tooMany("namespaceLogReaders", namespaceReadersMax);
    const reader = new Reader(this.#parts, namespace, filter, sink);
    this.#readers.add(reader);
    void reader.begin(after);
    return () => {
      this.#readers.delete(reader);
      reader.close();
    };
  }

  /** Lines that are in the store now. */
  kept(entries: readonly LogEntry[], positions: readonly number[]): void {
    for (const reader of this.#readers) reader.kept(entries, positions);
  }

  /** A call is over. */
  ended(record: Activation): void {
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

/**
 * One reader. It is first told the *past*, page by page from the store, while new lines wait; what is kept while the last page is
 * read is in `#waiting` and, being ordered by position, joins without gap or repetition. Then it is *live*.
 */
class Reader {
  readonly namespace: string;
  readonly sink: TailSink;
  readonly #parts: TailParts;
  readonly #filter: TailFilter;
  #state: "past" | "live" | "closed" = "past";
  #waiting: StoredLine[] = [];
  /** More came than may wait since the last page was asked for. */
  #overflowed = false;
  #reached = -1;
  #lost = 0;
  /** Calls whose lines are still to come, where only calls of one status are wanted. */
  #calls = 0;

  constructor(parts: TailParts, namespace: string, filter: TailFilter, sink: TailSink) {
    this.#parts = parts;
    this.namespace = namespace;
    this.#filter = filter;
    this.sink = sink;
  }

  async begin(after: number | undefined): Promise<void> {
    const wantsPast = (after !== undefined || this.#filter.from !== undefined) && this.#filter.status === undefined;
    if (wantsPast) {
      try {
        await this.#past(after);
      } catch {
        // The store is in trouble, which others tell of; what is new can still be shown.
        this.#lost++;
      }
    }
    if (this.#state === "closed") return;
    this.#state = "live";
    for (const line of this.#waiting) this.#tell(line, line.position);
    this.#waiting = [];
  }

  kept(entries: readonly LogEntry[], positions: readonly number[]): void {
    if (this.#filter.status !== undefined || this.#state === "closed") return;
    const found: StoredLine[] = [];
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index] as LogEntry;
      if (entry.namespace === this.namespace && matchesLine(this.#filter, entry)) {
        found.push({ ...entry, position: positions[index] as number });
      }
    }
    // As the store has them: lines of one activation together.
    found.sort((one, other) => one.position - other.position);
    if (this.#state === "live") for (const line of found) this.#tell(line, line.position);
    else this.#wait(found);
  }

  ended(record: Activation): void {
    const { functionId, appId, activationId, status } = this.#filter;
    if (this.#state === "closed" || record.namespace !== this.namespace) return;
    if (functionId !== undefined && record.functionId !== functionId) return;
    if (appId !== undefined && record.appId !== appId) return;
    if (activationId !== undefined && record.id !== activationId) return;
    if (status === undefined) this.#count(this.sink.activation(record));
    else if (record.status === status) this.#later(record);
  }

  close(): void {
    this.#state = "closed";
    this.#waiting = [];
  }

  async #past(after: number | undefined): Promise<void> {
    let reached = after;
    for (;;) {
      this.#waiting = [];
      this.#overflowed = false;
      const request = { order: "oldest", after: reached, limit: pageLines } as const;
      const page = await this.#parts.store.list(this.namespace, this.#filter, request);
      for (const line of page.items) {
        await this.sink.room();
        if (this.#state === "closed") return;
        this.#tell(line, line.position);
      }
      if (page.next === null && !this.#overflowed) return;
      reached = page.next ?? (this.#reached < 0 ? after : this.#reached);
    }
  }

  /** What does not fit is in the store, from where another page is then read. */
  #wait(found: readonly StoredLine[]): void {
    if (this.#waiting.length + found.length > waitingMax) this.#overflowed = true;
    else this.#waiting.push(...found);
  }

  #tell(entry: LogEntry, position: number): void {
    if (position <= this.#reached) return;
    this.#reached = position;
    this.#count(this.sink.line(entry, position));
  }

  /** Tells of a loss as soon as something gets through again. */
  #count(taken: boolean): void {
    if (!taken) this.#lost++;
    else if (this.#lost > 0 && this.sink.lost(this.#lost)) this.#lost = 0;
  }

  /** All lines of a call that ended as wanted, once they have arrived. */
  #later(record: Activation): void {
    if (this.#calls >= waitingMax) return void this.#lost++;
    this.#calls++;
    this.#parts.world.after(trailingMs, () => {
      void this.#tellCall(record).catch(() => this.#lost++);
    });
  }

  async #tellCall(record: Activation): Promise<void> {
    this.#calls--;
    if (this.#state === "closed") return;
    const { namespace, appId, functionId, functionName, id } = record;
    const owner = { namespace, appId, functionId, functionName, activationId: id };
    for (const line of await this.#parts.read(namespace, id)) {
      if (matchesLine(this.#filter, { ...owner, line })) this.#count(this.sink.line({ ...owner, line }, null));
    }
    this.#count(this.sink.activation(record));
  }
}

function tooMany(limit: string, max: number): PlatformError {
  return new PlatformError("throttled", `Too many readers follow logs: at most ${max}; try again when some have ended`, {
    details: { limit, max, retryAfterS: 5 },
  });
}
