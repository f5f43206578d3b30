import { type StartType, startTypes } from "../model/model.ts";
import { quantileBucket, quantileBuckets, quantileMs } from "./histogram.ts";

/** Figures are kept by spans of this length, for the last five minutes. */
export const spanMs = 5000;
export const spansKept = 60;

/** Figures of a span, or of several together. Percentiles are of a call's whole time, in ms, null without calls. */
export interface Figures {
  readonly calls: number;
  /** Calls that ended neither well nor by their caller's wish. */
  readonly errors: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  readonly starts: Readonly<Record<StartType, number>>;
}

export interface Span extends Figures {
  /** Its begin, in milliseconds since the epoch. */
  readonly at: number;
}

interface Slot {
  /** Number of the span that is kept here: its begin divided by `spanMs`. */
  span: number;
  calls: number;
  errors: number;
  readonly starts: Float64Array;
  readonly durations: Uint32Array;
}

/**
 * The last five minutes of one function, in a ring of spans. A span's room is made when a call falls into it and used again
 * afterwards: a function that is hardly called costs hardly anything, a busy one 60 times 900 bytes.
 */
export class Recent {
  readonly #slots: (Slot | undefined)[] = Array.from({ length: spansKept }, () => undefined);
  /** The newest span with a call. */
  lastSpan = 0;

  add(atMs: number, durationMs: number, failed: boolean, startIndex: number): void {
    const span = Math.floor(atMs / spanMs);
    const slot = this.#slot(span);
    slot.calls++;
    if (failed) slot.errors++;
    slot.starts[startIndex] = (slot.starts[startIndex] as number) + 1;
    const bucket = quantileBucket(durationMs);
    slot.durations[bucket] = (slot.durations[bucket] as number) + 1;
    if (span > this.lastSpan) this.lastSpan = span;
  }

  /** The spans with calls from `fromMs` to `toMs`, oldest first. */
  spans(fromMs: number, toMs: number): Span[] {
    return this.#between(fromMs, toMs).map((slot) => Object.assign({ at: slot.span * spanMs }, figures([slot])));
  }

  /** All of them together. */
  total(fromMs: number, toMs: number): Figures {
    return figures(this.#between(fromMs, toMs));
  }

  #slot(span: number): Slot {
    const index = span % spansKept;
    const known = this.#slots[index];
    if (known === undefined) {
      const slot = {
        span,
        calls: 0,
        errors: 0,
        starts: new Float64Array(startTypes.length),
        durations: new Uint32Array(quantileBuckets),
      };
      this.#slots[index] = slot;
      return slot;
    }
    if (known.span !== span) {
      known.span = span;
      known.calls = 0;
      known.errors = 0;
      known.starts.fill(0);
      known.durations.fill(0);
    }
    return known;
  }

  #between(fromMs: number, toMs: number): Slot[] {
    const [from, to] = [Math.floor(fromMs / spanMs), Math.floor(toMs / spanMs)];
    return this.#slots
      .filter((slot) => slot !== undefined)
      .filter(({ span }) => span >= from && span <= to && span > to - spansKept)
      .toSorted((one, other) => one.span - other.span);
  }
}

function figures(slots: readonly Slot[]): Figures {
  const durations = new Uint32Array(quantileBuckets);
  const starts = { hot: 0, warm: 0, prewarmed: 0, cold: 0, none: 0 };
  let calls = 0;
  let errors = 0;
  for (const slot of slots) {
    calls += slot.calls;
    errors += slot.errors;
    startTypes.forEach((start, index) => {
      starts[start] += slot.starts[index] as number;
    });
    for (let bucket = 0; bucket < quantileBuckets; bucket++) {
      durations[bucket] = (durations[bucket] as number) + (slot.durations[bucket] as number);
    }
  }
  const quantile = (share: number) => quantileMs(durations, calls, share);
  return { calls, errors, p50Ms: quantile(0.5), p95Ms: quantile(0.95), p99Ms: quantile(0.99), starts };
}
