/**
 * What the platform says of itself: its log, its metrics, its health.
 *
 * Promises: counting a call costs well under a microsecond and makes no garbage; the number of series is bounded, whatever users
 * deploy; figures of others are read when somebody asks for them, and not before; no secret and no payload is ever among
 * them. Deliberately absent: who may read (api/), what the figures mean to a bill (metering/), records (store/).
 */

/** Values under one name, as Prometheus has them. */
export interface MetricFamily {
  /** Without the prefix; ends in the unit, and counters in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** (Default: `polykiln_`) */
  readonly prefix?: "fn_";
  readonly samples: readonly MetricSample[];
}

export interface MetricSample {
  /** From small closed sets: never a name that users choose. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Of a histogram's parts. */
  readonly suffix?: "_bucket" | "_sum" | "_count";
  readonly value: number;
}

/** Figures of a room, read when metrics are. `visible`: whether the reader may see figures of a namespace by themselves. */
export type MetricSource = (
  visible: (namespace: string) => boolean,
) => readonly MetricFamily[] | Promise<readonly MetricFamily[]>;

/** What keeps the platform from serving, if anything does. */
export interface HealthCheck {
  readonly name: string;
  /** Resolves with null when all is well, else with a sentence: what is wrong and what to do. A rejection is a sentence too. */
  look(): Promise<string | null>;
}

/** The parts of `lib/world.ts` that this room needs: it is on the same floor and imports nothing. */
export interface Clock {
  now(): number;
  after(ms: number, run: () => void): () => void;
}

/** One value under a name without labels. */
export function family(type: "counter" | "gauge", name: string, help: string, value: number): MetricFamily {
  return { name, help, type, samples: [{ value }] };
}

/** One value for each value of a label. */
export function familyBy(
  type: "counter" | "gauge",
  name: string,
  help: string,
  label: string,
  values: Readonly<Record<string, number>>,
): MetricFamily {
  return { name, help, type, samples: Object.entries(values).map(([key, value]) => ({ labels: { [label]: key }, value })) };
}
