/** Figures of this process: what Node and the kernel know of it. */
import { readdirSync } from "node:fs";
import { constants, PerformanceObserver } from "node:perf_hooks";
import { type LoopDelayFigures, watchLoopDelay } from "./loop-delay.ts";
import { type Clock, family, familyBy, type MetricFamily, type MetricSource } from "./telemetry.ts";

/** What Node adds to an entry. */
interface PerformanceNodeEntry {
  readonly detail: unknown;
}

/** Begins to watch the process; `stop` ends that. */
export function processMetrics(startedAtMs: number, clock: Clock): { readonly source: MetricSource; stop(): void } {
  const delay = watchLoopDelay(clock);
  const pauses = { minor: 0, major: 0, incremental: 0, weak: 0 };
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries())
      pauses[kindOf((entry as unknown as PerformanceNodeEntry).detail)] += entry.duration / 1000;
  });
  observer.observe({ entryTypes: ["gc"] });
  return {
    source: () => [...usage(startedAtMs), loopDelay(delay.figures()), collections(pauses)],
    stop() {
      delay.stop();
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

function loopDelay({ p50, p99, max }: LoopDelayFigures): MetricFamily {
  const help = "How long the event loop kept others waiting, in the last minute";
  return familyBy("gauge", "event_loop_delay_seconds", help, "quantile", { "0.5": p50, "0.99": p99, "1": max });
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
