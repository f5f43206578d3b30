/**
 * From what functions print to the log store, off the call's path.
 *
 * Promises: an activation's lines keep their order; at most `bytesMax` of its bytes are kept, then one `platform` line says how
 * much was cut; however much is printed and however slow the store is, at most `pendingBytesMax` wait in memory, and what
 * had to be dropped is marked at the end of its activation. Deliberately absent: who printed it, retries.
 */
import type { World } from "../lib/world.ts";
import { limits } from "../model/limits.ts";
import type { LogLine } from "../model/model.ts";
import { characterStart, lineBytesMax, LineSplitter } from "../lib/lines.ts";
import type { LogEntry, LogOwner, LogStore } from "./logs.ts";

export interface CollectorOptions {
  readonly store: Pick<LogStore, "append" | "read">;
  readonly world: World;
  /** Kept of one activation. */
  readonly bytesMax?: number | undefined;
  /** Lines that wait for the store, all activations together. */
  readonly pendingBytesMax?: number | undefined;
  /** The longest a line waits before it is handed to the store. */
  readonly flushMs?: number | undefined;
  /** So many lines are handed over without waiting, and at most so many at once. */
  readonly batchLines?: number | undefined;
  /** Told when a batch could not be kept: how many lines, and why. They are gone. */
  readonly onLoss?: ((lines: number, error: unknown) => void) | undefined;
  /** Hears each batch once it is kept, with the positions of its lines. Must not throw. */
  readonly onKept?: ((entries: readonly LogEntry[], positions: readonly number[]) => void) | undefined;
}

/** Since the start. */
export interface LogCounts {
  /** Lines handed to the store and taken by it. */
  readonly keptLines: number;
  /** Lines that came faster than they could be written, or that the store refused. */
  readonly lostLines: number;
  /** Bytes over the limit of their activation. */
  readonly cutBytes: number;
  /** Lines that wait for the store. */
  readonly pendingLines: number;
}

/** What one call prints. Cheap to have and not use. */
export interface CallLog {
  /** Raw output; the bytes may be reused afterwards. */
  write(stream: "stdout" | "stderr", chunk: Uint8Array): void;
  /** A line that somebody else has cut already; counts like the bytes it came from. Lines of the platform are always kept. */
  line(line: LogLine): void;
  /** The call is over: gives out unfinished lines, then the mark if something is missing. Later lines are dropped. */
  end(): void;
}

/** What an entry costs beside its text, about. */
const entryOverheadBytes = 100;

/** Collects for all calls of a process. */
export class LogCollector {
  readonly #store: CollectorOptions["store"];
  readonly #world: World;
  readonly #bytesMax: number;
  readonly #pendingBytesMax: number;
  readonly #flushMs: number;
  readonly #batchLines: number;
  readonly #onLoss: (lines: number, error: unknown) => void;
  readonly #onKept: NonNullable<CollectorOptions["onKept"]>;
  #keptLines = 0;
  #lostLines = 0;
  #cutBytes = 0;
  #pending: LogEntry[] = [];
  #pendingBytes = 0;
  #cancelTimer: (() => void) | undefined;
  /** The run that empties `#pending`, batch after batch, while there is one. */
  #flushing: Promise<void> | undefined;

  constructor(options: CollectorOptions) {
    this.#store = options.store;
    this.#world = options.world;
    this.#bytesMax = options.bytesMax ?? limits.logBytesMax;
    this.#pendingBytesMax = options.pendingBytesMax ?? 16 * 1024 * 1024;
    this.#flushMs = options.flushMs ?? 25;
    this.#batchLines = options.batchLines ?? 5000;
    this.#onLoss = options.onLoss ?? (() => {});
    this.#onKept = options.onKept ?? (() => {});
  }

  /** The log of one call. `bytesMax`: what its owner wants to be kept; with 0 nothing is, and nothing is told of that. */
  open(owner: LogOwner, bytesMax = this.#bytesMax): CallLog {
    return new CollectedLog(
      owner,
      Math.min(bytesMax, this.#bytesMax),
      this.#world,
      (entry, mark) => this.#add(entry, mark),
      (bytes) => {
        this.#cutBytes += bytes;
      },
    );
  }

  get counts(): LogCounts {
    return {
      keptLines: this.#keptLines,
      lostLines: this.#lostLines,
      cutBytes: this.#cutBytes,
      pendingLines: this.#pending.length,
    };
  }

  /** Everything printed before this is in the store when it resolves, or was told as lost. */
  async flush(): Promise<void> {
    await this.#flushing;
    // A run that began since has taken all that was waiting.
    if (this.#flushing !== undefined || this.#pending.length > 0) await this.#start();
  }

  /** All whole lines so far of an activation of that namespace, those included that nobody has written to the store yet. */
  async read(namespace: string, activationId: string): Promise<readonly LogLine[]> {
    await this.flush();
    return this.#store.read(namespace, activationId);
  }

  /** Flushes. To be called when no more calls run. */
  async close(): Promise<void> {
    await this.flush();
    this.#cancelTimer?.();
  }

  /** False when there is no room. Marks get through where lines do not: there is one per activation and they are short. */
  #add(entry: LogEntry, isMark: boolean): boolean {
    const bytes = entry.line.text.length + entryOverheadBytes;
    const room = isMark ? 2 * this.#pendingBytesMax : this.#pendingBytesMax;
    if (this.#pendingBytes + bytes > room) {
      this.#lostLines++;
      return false;
    }
    this.#pending.push(entry);
    this.#pendingBytes += bytes;
    this.#schedule();
    return true;
  }

  #schedule(): void {
    if (this.#flushing !== undefined) return;
    if (this.#pending.length >= this.#batchLines) void this.#start();
    else this.#cancelTimer ??= this.#world.after(this.#flushMs, () => void this.#start());
  }

  #start(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#flushing ??= this.#empty().finally(() => {
      this.#flushing = undefined;
      if (this.#pending.length > 0) this.#schedule();
    });
    return this.#flushing;
  }

  /** Hands over what was waiting at its start; what comes meanwhile waits for the next run. */
  async #empty(): Promise<void> {
    const entries = this.#pending;
    this.#pending = [];
    for (let start = 0; start < entries.length; start += this.#batchLines) {
      const batch = entries.slice(start, start + this.#batchLines);
      await this.#append(batch);
      // Only now: while a slow store holds them they count as waiting.
      for (const { line } of batch) this.#pendingBytes -= line.text.length + entryOverheadBytes;
    }
  }

  async #append(batch: readonly LogEntry[]): Promise<void> {
    let positions: readonly number[];
    try {
      positions = await this.#store.append(batch);
    } catch (error) {
      this.#lostLines += batch.length;
      this.#onLoss(batch.length, error);
      return;
    }
    this.#keptLines += batch.length;
    this.#onKept(batch, positions);
  }
}

class CollectedLog implements CallLog {
  readonly #owner: LogOwner;
  readonly #bytesMax: number;
  readonly #world: World;
  readonly #add: (entry: LogEntry, isMark: boolean) => boolean;
  readonly #cut: (bytes: number) => void;
  readonly #splitters: { stdout?: LineSplitter; stderr?: LineSplitter } = {};
  #keptBytes = 0;
  #cutBytes = 0;
  #lostLines = 0;
  #ended = false;

  constructor(
    owner: LogOwner,
    bytesMax: number,
    world: World,
    add: (entry: LogEntry, isMark: boolean) => boolean,
    cut: (bytes: number) => void,
  ) {
    this.#owner = owner;
    this.#bytesMax = bytesMax;
    this.#world = world;
    this.#add = add;
    this.#cut = cut;
  }

  write(stream: "stdout" | "stderr", chunk: Uint8Array): void {
    if (this.#ended) return;
    const kept = this.#keep(chunk);
    if (kept.length > 0) this.#splitter(stream).push(kept);
  }

  line(line: LogLine): void {
    if (this.#ended) return;
    if (line.stream === "platform") return void this.#add({ ...this.#owner, line }, true);
    const bytes = Buffer.byteLength(line.text) + 1;
    // A call that goes on printing after the cut must cost next to nothing.
    if (this.#cutBytes > 0) {
      this.#cutBytes += bytes;
      return;
    }
    const fits = bytes <= lineBytesMax && bytes <= this.#room && !line.text.includes("\n");
    if (!fits) return this.#pieces(line);
    this.#keptBytes += bytes;
    this.#push(line);
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#splitters.stdout?.end();
    this.#splitters.stderr?.end();
    if (this.#cutBytes > 0) this.#cut(this.#cutBytes);
    const mark = this.#bytesMax === 0 ? null : this.#mark();
    if (mark !== null) this.#add({ ...this.#owner, line: { at: this.#world.now(), stream: "platform", text: mark } }, true);
  }

  #pieces(line: LogLine): void {
    const splitter = new LineSplitter((text) => this.#push({ ...line, text }));
    splitter.push(this.#keep(Buffer.from(`${line.text}\n`)));
    splitter.end();
  }

  /** Once something was cut, everything after it is. */
  get #room(): number {
    return this.#cutBytes > 0 ? 0 : this.#bytesMax - this.#keptBytes;
  }

  /** The part of the bytes that is within the limit. */
  #keep(bytes: Uint8Array): Uint8Array {
    const length = bytes.length <= this.#room ? bytes.length : characterStart(bytes, this.#room);
    this.#keptBytes += length;
    this.#cutBytes += bytes.length - length;
    return length === bytes.length ? bytes : bytes.subarray(0, length);
  }

  #splitter(stream: "stdout" | "stderr"): LineSplitter {
    this.#splitters[stream] ??= new LineSplitter((text) => this.#push({ at: this.#world.now(), stream, text }));
    return this.#splitters[stream];
  }

  #push(line: LogLine): void {
    if (!this.#add({ ...this.#owner, line }, false)) this.#lostLines++;
  }

  #mark(): string | null {
    const parts: string[] = [];
    if (this.#cutBytes > 0) parts.push(`Output cut: ${this.#keptBytes} bytes kept, ${this.#cutBytes} bytes dropped`);
    if (this.#lostLines > 0) parts.push(`Output lost: ${this.#lostLines} lines came faster than they could be written`);
    return parts.length === 0 ? null : parts.join(". ");
  }
}
