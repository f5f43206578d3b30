/** Lines in memory: for tests, and for a server that may forget. The oldest lines are forgotten first. */
import type { LogLine } from "../../model/model.ts";
import type { LogEntry, LogFilter, LogPage, LogPageRequest, LogRetention, LogStore, StoredLine } from "../logs.ts";
import { matchesLine } from "../logs.ts";

export interface MemoryLogOptions {
  /** Text kept of all activations together. */
  readonly bytesMax?: number | undefined;
}

/** An empty log store. */
export function memoryLogStore(options: MemoryLogOptions = {}): LogStore {
  return new MemoryLogStore(options.bytesMax ?? 64 * 1024 * 1024);
}

/** What a line costs beside its text, about. */
const lineOverheadBytes = 64;

class MemoryLogStore implements LogStore {
  readonly #bytesMax: number;
  /** By position. */
  #lines: StoredLine[] = [];
  #bytes = 0;
  #last = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  async append(entries: readonly LogEntry[]): Promise<readonly number[]> {
    const positions = entries.map((entry) => {
      this.#lines.push({ ...entry, line: { ...entry.line }, position: ++this.#last });
      this.#bytes += bytesOf(entry);
      return this.#last;
    });
    await this.prune({ before: 0, bytesMax: this.#bytesMax });
    return positions;
  }

  async read(namespace: string, activationId: string): Promise<readonly LogLine[]> {
    return this.#of(namespace, { activationId }).map(({ line }) => structuredClone(line));
  }

  async list(namespace: string, filter: LogFilter, { order, after, limit }: LogPageRequest): Promise<LogPage> {
    const found = this.#of(namespace, filter);
    const ordered = order === "newest" ? found.toReversed() : found;
    const rest = ordered.filter(
      ({ position }) => after === undefined || (order === "newest" ? position < after : position > after),
    );
    const items = rest.slice(0, limit);
    return { items, next: rest.length > items.length ? (items.at(-1)?.position ?? null) : null };
  }

  async prune({ before, bytesMax }: LogRetention): Promise<boolean> {
    let count = 0;
    for (const line of this.#lines) {
      if (line.line.at >= before && this.#bytes <= bytesMax) break;
      this.#bytes -= bytesOf(line);
      count++;
    }
    if (count > 0) this.#lines = this.#lines.slice(count);
    return count > 0;
  }

  #of(namespace: string, filter: LogFilter): StoredLine[] {
    return this.#lines.filter((line) => line.namespace === namespace && matchesLine(filter, line));
  }
}

function bytesOf({ line }: LogEntry): number {
  return Buffer.byteLength(line.text) + lineOverheadBytes;
}
