import { setImmediate } from "node:timers/promises";
import { activationStatuses, startTypes } from "../model/model.ts";
import { CallMetrics, type FunctionSeries } from "./calls.ts";
import { familyText, head, histogram, labelText, sample } from "./exposition.ts";
import type { MetricSource } from "./telemetry.ts";

/** Functions whose lines are made before others get a turn: about a millisecond. */
const functionsATurn = 50;

/** Names of apps that are remembered; a function's name is in its record, its app's is not. */
export type AppName = (namespace: string, appId: string) => Promise<string | undefined>;

/** All metrics of a process. */
export class Metrics {
  readonly calls: CallMetrics;
  readonly #appName: AppName;
  readonly #sources: MetricSource[] = [];
  readonly #appNames = new Map<string, string>();

  constructor(options: { readonly appName: AppName; readonly calls?: CallMetrics }) {
    this.#appName = options.appName;
    this.calls = options.calls ?? new CallMetrics();
  }

  /** Adds figures that are read with each scrape. */
  add(source: MetricSource): void {
    this.#sources.push(source);
  }

  /** The text that Prometheus reads; `namespaces`: only these, null: all. */
  async render(namespaces: readonly string[] | null): Promise<string> {
    const visible = (namespace: string) => namespaces === null || namespaces.includes(namespace);
    const series = this.calls.series().filter(({ namespace }) => visible(namespace));
    if (namespaces === null && this.calls.other.durations.count > 0) series.push(this.calls.other);
    const labels = new Map<FunctionSeries, string>();
    for (const one of series) labels.set(one, await this.#labels(one));
    const parts = [
      head("calls_total", "counter", "Calls that are over, by how they ended and how they found their sandbox"),
      ...(await byTurns(series, (one) => countLines(labels.get(one) as string, one))),
      head("call_duration_seconds", "histogram", "Whole time of a call: waiting, starting and running"),
      ...(await byTurns(series, (one) => histogram("call_duration_seconds", labels.get(one) as string, one.durations))),
      this.#platform(visible),
    ];
    for (const source of this.#sources) for (const each of await source(visible)) parts.push(familyText(each));
    return parts.join("");
  }

  /** The app's name; its id where it is gone; `_` in the null app. */
  async appOf(namespace: string, appId: string | null): Promise<string> {
    if (appId === null) return "_";
    const known = this.#appNames.get(appId);
    if (known !== undefined) return known;
    const name = (await this.#appName(namespace, appId).catch(() => undefined)) ?? appId;
    // Names do not change; what is remembered is bounded by the functions that have series, or nearly.
    if (this.#appNames.size > 10_000) this.#appNames.clear();
    this.#appNames.set(appId, name);
    return name;
  }

  async #labels({ namespace, appId, name, functionId }: FunctionSeries): Promise<string> {
    if (functionId === "") return labelText({ namespace: "", app: "", function: name });
    return labelText({ namespace, app: await this.appOf(namespace, appId), function: name });
  }

  #platform(visible: (namespace: string) => boolean): string {
    const { waits, creates, inits, refusals } = this.calls;
    const refused = [...refusals.values()].filter(({ namespace }) => visible(namespace));
    return [
      head("call_wait_seconds", "histogram", "Time that calls waited for a slot, by start type"),
      ...waits.map((wait, index) => histogram("call_wait_seconds", labelText({ start: startTypes[index] as string }), wait)),
      head("sandbox_create_seconds", "histogram", "Time to make a sandbox, of cold starts"),
      histogram("sandbox_create_seconds", "", creates),
      head("sandbox_init_seconds", "histogram", "Time to load the code, of cold starts"),
      histogram("sandbox_init_seconds", "", inits),
      head("refused_total", "counter", "Calls that were not taken or given up because of a limit"),
      ...refused.map(({ namespace, limit, count }) => sample("refused_total", labelText({ namespace, limit }), count)),
    ].join("");
  }
}

function countLines(labels: string, { counts }: FunctionSeries): string {
  let text = "";
  activationStatuses.forEach((status, row) => {
    startTypes.forEach((start, column) => {
      const count = counts[row * startTypes.length + column] as number;
      if (count > 0) text += sample("calls_total", `${labels},status="${status}",start="${start}"`, count);
    });
  });
  return text;
}

/** A scrape of a thousand functions must not hold up a call. */
async function byTurns(series: readonly FunctionSeries[], render: (one: FunctionSeries) => string): Promise<string[]> {
  const parts: string[] = [];
  for (let index = 0; index < series.length; index++) {
    if (index > 0 && index % functionsATurn === 0) await setImmediate();
    parts.push(render(series[index] as FunctionSeries));
  }
  return parts;
}
