/** Figures as Prometheus reads them: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4). */
import { type DurationHistogram, durationBoundsS } from "./histogram.ts";
import type { MetricFamily } from "./telemetry.ts";

const ours = "polykiln_";

export function head(name: string, type: "counter" | "gauge" | "histogram", help: string, prefix: string = ours): string {
  return `# HELP ${prefix}${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${prefix}${name} ${type}\n`;
}

/** One value; `labels` as `labelText` gives them. */
export function sample(name: string, labels: string, value: number, prefix: string = ours): string {
  return `${prefix}${name}${labels === "" ? "" : `{${labels}}`} ${value}\n`;
}

/** `a="1",b="2"`. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(",");
}

/** A histogram's buckets, sum and count, in seconds. */
export function histogram(name: string, labels: string, { counts, sumMs }: DurationHistogram): string {
  const comma = labels === "" ? "" : ",";
  let text = "";
  let count = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    count += counts[bucket] as number;
    const bound = durationBoundsS[bucket] ?? "+Inf";
    text += `${ours}${name}_bucket{${labels}${comma}le="${bound}"} ${count}\n`;
  }
  return text + sample(`${name}_sum`, labels, sumMs / 1000) + sample(`${name}_count`, labels, count);
}

export function familyText({ name, help, type, prefix, samples }: MetricFamily): string {
  const lines = samples.map(({ labels = {}, suffix = "", value }) => sample(name + suffix, labelText(labels), value, prefix));
  return head(name, type, help, prefix) + lines.join("");
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
