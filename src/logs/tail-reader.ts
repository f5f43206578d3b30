import type { Activation } from "../model/model.ts";
import { type LogEntry, matchesLine, type StoredLine } from "./logs.ts";
import type { TailFilter, TailParts, TailPlace, TailSink } from "./tail.ts";

/** Output trails its call by up to 200 ms (invocation/trailing-logs.ts) and its way to the store. */
const trailingMs = 300;

/** Lines of one page while the past is told. */
const pageLines = 500;

/** What waits of a reader that is told the past, or that waits for calls to end. */
const waitingMax = 1000;

/**
 * One reader. It is first told the *past*, page by page from the store, while new lines wait; what is kept while the last page is
 * read is in `#waiting` and, being ordered by position, joins without gap or repetition. So do the ends of calls, of which those that
 * wait are known by their ids. Then it is *live*.
 */
export class Reader {
  readonly namespace: string;
  readonly sink: TailSink;
  readonly #parts: TailParts;
  readonly #filter: TailFilter;
  #state: "past" | "live" | "closed" = "past";
  #waiting: StoredLine[] = [];
  /** More came than may wait since the last page was asked for. */
  #overflowed = false;
  #reached = -1;
  /** The end of a call that was told last, or before it came. */
  #lastCall: string | null;
  /** Ends of calls that come while those of the past are told; null: they are told at once. */
  #waitingCalls: Map<string, Activation> | null = null;
  #lost = 0;
  /** Calls whose lines are still to come, where only calls of one status are wanted. */
  #calls = 0;

  constructor(parts: TailParts, namespace: string, filter: TailFilter, sink: TailSink, lastCall: string | null) {
    this.#lastCall = lastCall;
    this.#parts = parts;
    this.namespace = namespace;
    this.#filter = filter;
    this.sink = sink;
  }

  /** `lastPosition`: of what was there before. */
  async begin(after: TailPlace | undefined, lastPosition: number | null): Promise<void> {
    const position = after?.position ?? undefined;
    const wantsPast = (position !== undefined || this.#filter.from !== undefined) && this.#filter.status === undefined;
    this.#reached = (wantsPast ? position : lastPosition) ?? -1;
    const callId = after?.callId ?? null;
    if (callId !== null) this.#waitingCalls = new Map();
    if (wantsPast) await this.#unlessBroken(() => this.#past(position));
    if (this.#open) this.#goLive();
    if (callId !== null) await this.#unlessBroken(() => this.#pastCalls(callId));
    const waiting = this.#open ? [...(this.#waitingCalls?.values() ?? [])] : [];
    this.#waitingCalls = null;
    for (const record of waiting) this.#tellEnd(record);
  }

  /** The store may be in trouble, which others tell of; what is new can still be shown. */
  async #unlessBroken(tell: () => Promise<void>): Promise<void> {
    try {
      await tell();
    } catch {
      this.#lost++;
    }
  }

  get #open(): boolean {
    return this.#state !== "closed";
  }

  #goLive(): void {
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
    if (!this.#open || !this.#wants(record)) return;
    if (this.#waitingCalls === null) this.#tellEnd(record);
    else if (this.#waitingCalls.size < waitingMax) this.#waitingCalls.set(record.id, record);
    else this.#lost++;
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
        if (!this.#open) return;
        this.#tell(line, line.position);
      }
      if (page.next === null && !this.#overflowed) return;
      reached = page.next ?? (this.#reached < 0 ? after : this.#reached);
    }
  }

  /** Those that ended while the reader was away. What waits meanwhile is among them if it was written in time. */
  async #pastCalls(callId: string): Promise<void> {
    for await (const records of this.#parts.endedSince(this.namespace, callId)) {
      for (const record of records) {
        await this.sink.room();
        if (!this.#open) return;
        this.#waitingCalls?.delete(record.id);
        if (this.#wants(record)) await this.#tellPastEnd(record);
      }
    }
  }

  async #tellPastEnd(record: Activation): Promise<void> {
    if (this.#filter.status === undefined) return this.#tellActivation(record);
    this.#calls++;
    await this.#tellCall(record);
  }

  #wants(record: Activation): boolean {
    const { functionId, appId, activationId, status } = this.#filter;
    return (
      record.namespace === this.namespace &&
      (functionId === undefined || record.functionId === functionId) &&
      (appId === undefined || record.appId === appId) &&
      (activationId === undefined || record.id === activationId) &&
      (status === undefined || record.status === status)
    );
  }

  #tellEnd(record: Activation): void {
    if (this.#filter.status === undefined) this.#tellActivation(record);
    else this.#later(record);
  }

  #tellActivation(record: Activation): void {
    this.#lastCall = record.id;
    this.#count(this.sink.activation(record, this.#place));
  }

  get #place(): TailPlace {
    return { position: this.#reached < 0 ? null : this.#reached, callId: this.#lastCall };
  }

  /** What does not fit is in the store, from where another page is then read. */
  #wait(found: readonly StoredLine[]): void {
    if (this.#waiting.length + found.length > waitingMax) this.#overflowed = true;
    else this.#waiting.push(...found);
  }

  #tell(entry: LogEntry, position: number): void {
    if (position <= this.#reached) return;
    this.#reached = position;
    this.#count(this.sink.line(entry, this.#place));
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
    if (!this.#open) return;
    const { namespace, appId, functionId, functionName, id } = record;
    const owner = { namespace, appId, functionId, functionName, activationId: id };
    for (const line of await this.#parts.read(record)) {
      if (matchesLine(this.#filter, { ...owner, line })) this.#count(this.sink.line({ ...owner, line }, null));
    }
    this.#tellActivation(record);
  }
}
