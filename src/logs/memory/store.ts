/** Lines in memory: for tests, and for a server that may forget. The activations that printed first are forgotten first. */
import type { LogLine } from "../../model/model.ts";
import type { LogEntry, LogStore } from "../logs.ts";

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
  readonly #activations = new Map<string, { readonly namespace: string; readonly lines: LogLine[]; bytes: number }>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  async append(entries: readonly LogEntry[]): Promise<void> {
    for (const entry of entries) this.#add(entry);
    for (const [id, oldest] of this.#activations) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#activations.delete(id);
      this.#bytes -= oldest.bytes;
    }
  }

  async read(namespace: string, activationId: string): Promise<readonly LogLine[]> {
    const found = this.#activations.get(activationId);
    return found?.namespace === namespace ? structuredClone(found.lines) : [];
  }

  #add({ namespace, activationId, line }: LogEntry): void {
    const kept = this.#activations.get(activationId) ?? { namespace, lines: [], bytes: 0 };
    const bytes = Buffer.byteLength(line.text) + lineOverheadBytes;
    kept.lines.push({ ...line });
    kept.bytes += bytes;
    this.#bytes += bytes;
    this.#activations.set(activationId, kept);
  }
}
