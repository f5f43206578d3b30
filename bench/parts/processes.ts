/** What processes use. Linux only: it reads /proc. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

/** User and system time of processes and of all below them, with those below that have ended, in ms; a tick is 10 ms. */
export function cpuMsOf(pids: readonly number[]): number {
  return sum(pids.flatMap(treeOf).map(ticksOf)) * 10;
}

/** User and system time of one process, without those below it, in ms. */
export function ownCpuMsOf(pid: number): number {
  return sum(fieldsOf(pid).slice(11, 13)) * 10;
}

/** Most memory that a process has had resident since `forgetPeak`, in MiB. */
export function peakMiB(pid: number): number {
  return statusMiB(pid, "VmHWM");
}

/** Memory a process has resident, in MiB. */
export function residentMiB(pid: number): number {
  return statusMiB(pid, "VmRSS");
}

/** What processes hold together, in MiB: what they share with others counts by its part. `anonymousMiB`: without pages of files. */
export function heldMiB(pids: readonly number[]): { readonly allMiB: number; readonly anonymousMiB: number } {
  const texts = pids.map((pid) => readOr(`/proc/${pid}/smaps_rollup`));
  const all = (field: string) =>
    sum(texts.map((text) => Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0))) / 1024;
  return { allMiB: all("Pss"), anonymousMiB: all("Pss_Anon") };
}

export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** A process and every one below it. */
export function treeOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(treeOf)];
}

/** Those that it started itself. */
export function childrenOf(pid: number): number[] {
  return listOr(`/proc/${pid}/task`).flatMap((thread) =>
    readOr(`/proc/${pid}/task/${thread}/children`).split(" ").filter(Boolean).map(Number),
  );
}

/** With what its children had used when they ended. */
function ticksOf(pid: number): number {
  return sum(fieldsOf(pid).slice(11, 15));
}

/** Of its line in /proc, from the state on; none of one that has ended. */
function fieldsOf(pid: number): number[] {
  const stat = readOr(`/proc/${pid}/stat`);
  return stat === ""
    ? []
    : stat
        .slice(stat.lastIndexOf(")") + 2)
        .split(" ")
        .map(Number);
}

function statusMiB(pid: number, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(readOr(`/proc/${pid}/status`))?.[1]) / 1024;
}

/** One that has just ended has nothing to say. */
function readOr(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function listOr(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
