/**
 * Our figures under the names that Fn's server gives them on `/metrics`, for dashboards that know those. Which have a meaning here, and
 * what: docs/reference/metrics.md.
 */
import type { ActivationStatus } from "../model/model.ts";
import { activationStatuses, startTypes } from "../model/model.ts";
import type { CallMetrics } from "./calls.ts";
import type { MetricFamily, MetricSample } from "./telemetry.ts";

/** What else is needed, read at the moment of a scrape. */
export interface FnFigures {
  /** Calls that are under way, and those of them that wait for a sandbox. */
  readonly calls: number;
  readonly waiting: number;
  readonly memory: { readonly usedBytes: number; readonly availableBytes: number };
  readonly evictions: number;
  /** By function. */
  readonly sandboxes: readonly FnSandboxes[];
}

export interface FnSandboxes {
  readonly namespace: string;
  readonly appId: string | null;
  readonly functionId: string;
  /** The image, or the kind of code. */
  readonly image: string;
  readonly counts: { readonly starting: number; readonly idle: number; readonly frozen: number; readonly busy: number };
}

/** Functions that have gauges of their own sandboxes; the rest have none. */
const functionsMax = 1000;

/** `visible`: whether the reader may see a namespace. */
export function fnFamilies(calls: CallMetrics, figures: FnFigures, visible: (namespace: string) => boolean): MetricFamily[] {
  const { memory } = figures;
  const count = countsOf(calls);
  const errors = count.function_error + count.developer_error + count.platform_error + count.dead_lettered;
  const ended = Object.values(count).reduce((sum, each) => sum + each, 0);
  const busy = [...calls.refusals.values()].reduce((sum, refusal) => sum + refusal.count, 0);
  return [
    one("counter", "calls", "Calls that were taken", ended + figures.calls),
    one("gauge", "queued", "Calls that wait for a sandbox", figures.waiting),
    one("gauge", "running", "Calls that run", Math.max(0, figures.calls - figures.waiting)),
    one("counter", "completed", "Calls that succeeded", count.success),
    one("counter", "canceled", "Calls whose caller went away, or that were cancelled", count.cancelled),
    one("counter", "timeouts", "Calls that took too long", count.timeout),
    one("counter", "errors", "Calls that failed otherwise", errors),
    one("counter", "server_busy", "Calls that were not taken or given up because of a limit", busy),
    one("gauge", "util_mem_used", "Memory that is promised to sandboxes, in bytes", memory.usedBytes),
    one("gauge", "util_mem_avail", "Memory that may be promised besides, in bytes", memory.availableBytes),
    one("counter", "container_evictions", "Idle sandboxes ended to make room for others", figures.evictions),
    ...sandboxFamilies(figures.sandboxes.filter(({ namespace }) => visible(namespace)).slice(0, functionsMax)),
    ...processFamilies(),
  ];
}

function sandboxFamilies(functions: readonly FnSandboxes[]): MetricFamily[] {
  const states = { start: "starting", idle: "idle", paused: "frozen", busy: "busy" } as const;
  return Object.entries(states).map(([name, state]) => ({
    prefix: "fn_",
    name: `container_${name}_total`,
    type: "gauge",
    help: `Sandboxes that are ${state}`,
    samples: functions.map((each) => ({
      labels: { app_id: each.appId ?? "", fn_id: each.functionId, image_name: each.image },
      value: each.counts[state],
    })),
  }));
}

function processFamilies(): MetricFamily[] {
  const { user, system } = process.cpuUsage();
  const startedAt = Math.round(performance.timeOrigin) / 1000;
  return [
    one("counter", "process_cpu_seconds_total", "CPU time of the server", (user + system) / 1e6),
    one("gauge", "process_resident_memory_bytes", "Memory of the server", process.memoryUsage.rss()),
    one("gauge", "process_start_time_seconds", "When the server was started, since 1970", startedAt),
  ];
}

/** Of all functions, by how they ended. */
function countsOf(calls: CallMetrics): Record<ActivationStatus, number> {
  const sums = Object.fromEntries(activationStatuses.map((status) => [status, 0])) as Record<ActivationStatus, number>;
  for (const { counts } of [...calls.series(), calls.other]) {
    activationStatuses.forEach((status, row) => {
      for (let column = 0; column < startTypes.length; column++) sums[status] += counts[row * startTypes.length + column] ?? 0;
    });
  }
  return sums;
}

function one(type: "counter" | "gauge", name: string, help: string, value: number): MetricFamily {
  return { prefix: "fn_", name, help, type, samples: [{ value }] };
}

/** Fn's bounds of latency, in ms. */
const boundsMs = [1, 10, 50, 100, 250, 500, 1000, 10_000, 60_000, 120_000] as const;
const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

interface Latency {
  readonly counts: number[];
  sumMs: number;
}

/** Requests to Fn's management API. Paths are counted by their pattern, so the number of series is bounded. */
export class FnRequests {
  readonly #requests = new Map<string, { readonly labels: Labels; count: number }>();
  readonly #responses = new Map<string, { readonly labels: Labels; count: number }>();
  readonly #latencies = new Map<string, { readonly labels: Labels; readonly latency: Latency }>();

  began(method: string, path: string): void {
    const labels = labelsOf(method, path);
    if (labels !== null) entry(this.#requests, labels, () => ({ labels, count: 0 })).count++;
  }

  ended(method: string, path: string, status: number, ms: number): void {
    const base = labelsOf(method, path);
    if (base === null) return;
    const blame = status >= 500 ? "service" : status >= 400 ? "user" : "";
    const labels = { ...base, status: String(status), blame };
    entry(this.#responses, labels, () => ({ labels, count: 0 })).count++;
    const { latency } = entry(this.#latencies, base, () => ({
      labels: base,
      latency: { counts: Array.from({ length: boundsMs.length + 1 }, () => 0), sumMs: 0 },
    }));
    const bound = boundsMs.findIndex((most) => ms <= most);
    const bucket = bound === -1 ? boundsMs.length : bound;
    latency.counts[bucket] = (latency.counts[bucket] ?? 0) + 1;
    latency.sumMs += ms;
  }

  families(): MetricFamily[] {
    return [
      counted("api_request_count", "Requests to the management API", this.#requests.values()),
      counted("api_response_count", "Their answers", this.#responses.values()),
      {
        prefix: "fn_",
        name: "api_latency",
        help: "Time until they were answered, in ms",
        type: "histogram",
        samples: [...this.#latencies.values()].flatMap(({ labels, latency }) => latencySamples(labels, latency)),
      },
    ];
  }
}

function counted(
  name: string,
  help: string,
  entries: Iterable<{ readonly labels: Labels; readonly count: number }>,
): MetricFamily {
  const samples = [...entries].map(({ labels, count }) => ({ labels, value: count }));
  return { prefix: "fn_", name, help, type: "counter", samples };
}

type Labels = Readonly<Record<string, string>>;

function latencySamples(labels: Labels, { counts, sumMs }: Latency): MetricSample[] {
  let total = 0;
  const buckets = counts.map((count, index) => {
    total += count;
    return { suffix: "_bucket", labels: { ...labels, le: String(boundsMs[index] ?? "+Inf") }, value: total } as const;
  });
  return [...buckets, { suffix: "_sum", labels, value: sumMs }, { suffix: "_count", labels, value: total }];
}

function entry<T>(entries: Map<string, T>, labels: Labels, make: () => T): T {
  const key = Object.values(labels).join("\n");
  const known = entries.get(key) ?? make();
  entries.set(key, known);
  return known;
}

const patterns: readonly (readonly [pattern: RegExp, path: string])[] = [
  [/^\/v2\/(apps|fns|triggers)\/?$/, "/v2/$1"],
  [/^\/v2\/apps\/[^/]+$/, "/v2/apps/:app_id"],
  [/^\/v2\/fns\/[^/]+$/, "/v2/fns/:fn_id"],
  [/^\/v2\/triggers\/[^/]+$/, "/v2/triggers/:trigger_id"],
  [/^\/v2\/fns\/[^/]+\/calls$/, "/v2/fns/:fn_id/calls"],
  [/^\/v2\/fns\/[^/]+\/calls\/[^/]+$/, "/v2/fns/:fn_id/calls/:call_id"],
  [/^\/v2\/fns\/[^/]+\/calls\/[^/]+\/log$/, "/v2/fns/:fn_id/calls/:call_id/log"],
  [/^\/v2(\/.*)?$/, "/v2/*"],
];

/** Null for what is not of Fn's management API. */
function labelsOf(method: string, path: string): Labels | null {
  for (const [pattern, name] of patterns) {
    const match = pattern.exec(path);
    if (match !== null) return { path: name.replace("$1", match[1] ?? ""), method: methods.has(method) ? method : "other" };
  }
  return null;
}
