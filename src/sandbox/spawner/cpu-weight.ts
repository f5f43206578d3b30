/**
 * What a sandbox gets of the processors when they are short, as a number from 1 to 10000: a sandbox with twice the weight of another gets
 * twice as much. It is version 2's scale of control groups; version 1 has one of its own, whose default is 1024.
 * Source: Documentation/admin-guide/cgroup-v2.rst and scheduler/sched-design-CFS.rst of the kernel.
 */
import type { CpuFile } from "./messages.ts";

/** Version 1's shares of weight 1. */
const sharesPerWeight = 10.24;

/** What is written for a weight. */
export function weightText(version: CpuFile["version"], weight: number): string {
  const value = version === 2 ? clamp(weight, 1, 10_000) : clamp(weight * sharesPerWeight, 2, 262_144);
  return String(Math.round(value));
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}
