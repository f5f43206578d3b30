/** Figures of this process: what Node and the kernel know of it. */
import { readdirSync } from "node:fs";
import { constants, monitorEventLoopDelay, PerformanceObserver } from "node:perf_hooks";
import { family, familyBy, type MetricFamily, type MetricSource } from "./telemetry.ts";

/** How often the event loop's delay is looked at, in ms. */
const delayEveryMs = 20;

/** What Node adds to an entry. */
interface PerformanceNodeEntry {
  readonly detail: unknown;
}

/** Begins to watch the process; `stop` ends that. */
export function processMetrics(startedAtMs: number): { readonly source: MetricSource; stop(): void } {
  const delay = monitorEventLoopDelay({ resolution: delayEveryMs });
  delay.enable();
  const pauses = { minor: 0, major: 0, incremental: 0, weak: 0 };
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries())
      pauses[kindOf((entry as unknown as PerformanceNodeEntry).detail)] += entry.duration / 1000;
  });
  observer.observe({ entryTypes: ["gc"] });
  return {
    source: () => {
      const families = [...usage(startedAtMs), ...loopDelay(delay), collections(pauses)];
      delay.reset();
      return families;
    },
    stop() {
      delay.disable();
      observer.disconnect();
    },
  };
}

function usage(startedAtMs: number): MetricFamily[] {
  const cpu = process.cpuUsage();
  const memory = process.memoryUsage();
  return [
    familyBy("counter", "process_cpu_seconds_total", "CPU time of the server", "mode", {
      user: cpu.user / 1e6,
      system: cpu.system / 1e6,
    }),
    familyBy("gauge", "process_memory_bytes", "Memory of the server", "kind", {
      resident: memory.rss,
      heap_used: memory.heapUsed,
      heap_total: memory.heapTotal,
      external: memory.external,
      array_buffers: memory.arrayBuffers,
    }),
    ...openFiles(),
    family("gauge", "process_start_time_seconds", "When the server was started, since 1970", startedAtMs / 1000),
  ];
}

/** Where the system tells. */
function openFiles(): MetricFamily[] {
  try {
    const count = readdirSync("/proc/self/fd").length;
    return [family("gauge", "process_open_fds", "Open file descriptors of the server", count)];
  } catch {
    return [];
  }
}

/** Since the last look; the sampling's own interval is not delay. */
function loopDelay(delay: ReturnType<typeof monitorEventLoopDelay>): MetricFamily[] {
  const seconds = (nanoseconds: number) => (delay.count === 0 ? 0 : Math.max(0, nanoseconds / 1e9 - delayEveryMs / 1000));
  return [
    familyBy(
      "gauge",
      "event_loop_delay_seconds",
      "How long the event loop kept others waiting, since the last scrape",
      "quantile",
      { "0.5": seconds(delay.percentile(50)), "0.99": seconds(delay.percentile(99)), "1": seconds(delay.max) },
    ),
  ];
}

function collections(pauses: Readonly<Record<string, number>>): MetricFamily {
  return familyBy("counter", "gc_seconds_total", "Time of garbage collections", "kind", pauses);
}

function kindOf(detail: unknown): "minor" | "major" | "incremental" | "weak" {
  const { kind } = detail as { kind?: number };
  if (kind === constants.NODE_PERFORMANCE_GC_MAJOR) return "major";
  if (kind === constants.NODE_PERFORMANCE_GC_INCREMENTAL) return "incremental";
  return kind === constants.NODE_PERFORMANCE_GC_WEAKCB ? "weak" : "minor";
}
