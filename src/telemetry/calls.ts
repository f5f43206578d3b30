import { type Activation, activationStatuses, startTypes } from "../model/model.ts";
import { DurationHistogram } from "./histogram.ts";
import { type Figures, Recent, type Span, spanMs, spansKept } from "./recent.ts";

/** Functions with series of their own, by first use; the others are counted together. */
const functionsMax = 1000;

/** Functions of which the last five minutes are kept; one that nobody called in them makes room. */
const recentMax = 256;

/** Pairs of namespace and limit that refusals are counted by. */
const refusalsMax = 500;

/** What is counted of one function. */
export interface FunctionSeries {
  readonly functionId: string;
  readonly namespace: string;
  readonly appId: string | null;
  readonly name: string;
  /** By status and start type. */
  readonly counts: Float64Array;
  readonly durations: DurationHistogram;
}

/** A function's last minutes. */
export interface RecentFunction {
  readonly functionId: string;
  readonly appId: string | null;
  readonly name: string;
  readonly total: Figures;
  readonly spans: readonly Span[];
}

interface Entry {
  readonly series: FunctionSeries;
  recent: Recent | null;
}

/** Counts calls. `ended` is on the way of every call: one look-up, then sums in typed arrays. */
export class CallMetrics {
  readonly #functionsMax: number;
  readonly #recentMax: number;
  readonly #entries = new Map<string, Entry>();
  readonly #recent = new Map<string, Entry>();
  /** Of functions beyond the limit. */
  readonly other: FunctionSeries = newSeries("", "", null, "other");
  /** Of all calls, by start type. */
  readonly waits = startTypes.map(() => new DurationHistogram());
  /** Of cold starts: making the sandbox, loading the code. */
  readonly creates = new DurationHistogram();
  readonly inits = new DurationHistogram();
  /** By namespace and limit. */
  readonly refusals = new Map<string, { readonly namespace: string; readonly limit: string; count: number }>();

  constructor(options: { readonly functionsMax?: number; readonly recentMax?: number } = {}) {
    this.#functionsMax = options.functionsMax ?? functionsMax;
    this.#recentMax = options.recentMax ?? recentMax;
  }

  /** A call is over. */
  ended(record: Activation): void {
    const entry = this.#entries.get(record.functionId) ?? this.#first(record);
    const status = statusIndex[record.status];
    const start = startIndex[record.start];
    const durationMs = record.waitMs + record.createMs + record.initMs + record.runMs;
    const series = entry === undefined ? this.other : entry.series;
    const at = status * startTypes.length + start;
    series.counts[at] = (series.counts[at] as number) + 1;
    series.durations.add(durationMs);
    (this.waits[start] as DurationHistogram).add(record.waitMs);
    if (record.start === "cold") {
      this.creates.add(record.createMs);
      this.inits.add(record.initMs);
    }
    if (entry === undefined) return;
    const recent = entry.recent ?? this.#remember(entry, record.endedAt);
    recent?.add(record.endedAt, durationMs, status !== 0 && record.status !== "cancelled", start);
  }

  /** A call was not taken, or given up for want of room, because of a limit. */
  refused(namespace: string, limit: string): void {
    const key = `${namespace}\n${limit}`;
    const known = this.refusals.get(key);
    if (known !== undefined) known.count++;
    else if (this.refusals.size < refusalsMax) this.refusals.set(key, { namespace, limit, count: 1 });
  }

  /** Series of functions that were called, in the order of their first calls. */
  series(): FunctionSeries[] {
    return [...this.#entries.values()].map(({ series }) => series);
  }

  /** The functions of a namespace with calls in that time, busiest first. */
  recent(namespace: string, fromMs: number, toMs: number): RecentFunction[] {
    const found: RecentFunction[] = [];
    for (const { series, recent } of this.#recent.values()) {
      if (series.namespace !== namespace || recent === null) continue;
      const total = recent.total(fromMs, toMs);
      if (total.calls === 0) continue;
      const { functionId, appId, name } = series;
      found.push({ functionId, appId, name, total, spans: recent.spans(fromMs, toMs) });
    }
    return found.toSorted((one, other) => other.total.calls - one.total.calls);
  }

  #first({ functionId, namespace, appId, functionName }: Activation): Entry | undefined {
    if (this.#entries.size >= this.#functionsMax) return undefined;
    const entry = { series: newSeries(functionId, namespace, appId, functionName), recent: null };
    this.#entries.set(functionId, entry);
    return entry;
  }

  #remember(entry: Entry, atMs: number): Recent | undefined {
    if (this.#recent.size >= this.#recentMax && !this.#forgetIdle(atMs)) return undefined;
    entry.recent = new Recent();
    this.#recent.set(entry.series.functionId, entry);
    return entry.recent;
  }

  #forgetIdle(atMs: number): boolean {
    const oldest = Math.floor(atMs / spanMs) - spansKept;
    for (const [id, entry] of this.#recent) {
      if (entry.recent !== null && entry.recent.lastSpan > oldest) continue;
      this.#recent.delete(id);
      entry.recent = null;
      return true;
    }
    return false;
  }
}

function newSeries(functionId: string, namespace: string, appId: string | null, name: string): FunctionSeries {
  const counts = new Float64Array(activationStatuses.length * startTypes.length);
  return { functionId, namespace, appId, name, counts, durations: new DurationHistogram() };
}

const statusIndex = indexOf(activationStatuses);
const startIndex = indexOf(startTypes);

function indexOf<Name extends string>(names: readonly Name[]): Readonly<Record<Name, number>> {
  return Object.fromEntries(names.map((name, index) => [name, index])) as Record<Name, number>;
}
