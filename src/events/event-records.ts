import type { Activation } from "../model/model.ts";
import { PackedRecords } from "../store/packed-records.ts";
import type { Activations, CallResult } from "../store/store.ts";

/** Events of one turn. */
interface Batch {
  readonly packed: PackedRecords;
  readonly records: Activation[];
  readonly results: CallResult[];
  readonly written: Promise<void>;
}

/**
 * Records of events, written in the turn in which they are added: beside the calls that follow from the events, so that one commit has both. A
 * recorder would gather them for a second one.
 */
export class EventRecords {
  readonly #activations: Pick<Activations, "append">;
  readonly #heard: (record: Activation) => void;
  #batch: Batch | undefined;
  /** Used before, and empty. */
  readonly #spare: PackedRecords[] = [];

  /** `heard` is told of every record once it is on the disk. */
  constructor(activations: Pick<Activations, "append">, heard: (record: Activation) => void) {
    this.#activations = activations;
    this.#heard = heard;
  }

  /** Resolves when it is on the disk. It is tried once. */
  add(record: Activation, result: CallResult): Promise<void> {
    this.#batch ??= this.#begun();
    const { packed, records, results, written } = this.#batch;
    packed.add(record);
    records.push(record);
    results.push(result);
    return written;
  }

  #begun(): Batch {
    const written = Promise.resolve().then(() => this.#write());
    // Who added to it hears of it, unless its calls could not be written either.
    written.catch(() => {});
    return { packed: this.#spare.pop() ?? new PackedRecords(), records: [], results: [], written };
  }

  async #write(): Promise<void> {
    const { packed, records, results } = this.#batch as Batch;
    this.#batch = undefined;
    try {
      await this.#activations.append(packed, results);
    } finally {
      packed.clear();
      this.#spare.push(packed);
    }
    for (const record of records) this.#heard(record);
  }
}
