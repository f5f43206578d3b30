/** What a running server holds of the machine, and what is left of one that has ended. Linux only: it reads /proc and the control groups. */
import assert from "node:assert/strict";
import { existsSync, globSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type InstanceState, readState } from "../../src/sandbox/spawner/state.ts";

/** Counts that must come back to where they were. */
export interface Footprint {
  readonly processes: number;
  readonly processesInGroups: number;
  readonly cgroups: number;
  readonly mounts: number;
  readonly spawnerMounts: number;
  /** By what they lead to, connections apart. */
  readonly descriptors: Readonly<Record<string, number>>;
  readonly spawnerDescriptors: Readonly<Record<string, number>>;
  readonly unixSockets: number;
  /** Those that no connection of this process, the client, explains: the one that listens. */
  readonly tcpSockets: number;
  readonly files: number;
}

/** What a server made outside its data folder, remembered so that it can be looked for when the server is gone. */
export interface Instance {
  readonly state: InstanceState;
  readonly pid: number;
  readonly spawnerPid: number;
  /** Every process below the server, as `pid:startTicks`. */
  readonly processes: readonly string[];
}

/** Of a server that runs on this data folder. */
export function instanceOf(pid: number, data: string): Instance {
  const state = readState(join(data, "sandboxes.json"));
  assert.ok(state !== null, "the server remembers what it made");
  const below = descendants(pid);
  const spawnerPid = childrenOf(pid).find((child) => readOr(`/proc/${child}/cmdline`).includes(state.runFolder));
  assert.ok(spawnerPid !== undefined, "the server has a spawner");
  return { state, pid, spawnerPid, processes: [pid, ...below].flatMap(identityOf) };
}

export function footprint({ state, pid, spawnerPid }: Instance): Footprint {
  return {
    processes: descendants(pid).length,
    processesInGroups: groupProcesses(state).length,
    cgroups: state.cgroupFolders.flatMap((folder) => globSync(`${folder}/*/`)).length,
    mounts: mountsOf("self").filter((line) => line.includes(state.runFolder) || line.includes(" nsfs ")).length,
    spawnerMounts: mountsBeside(spawnerPid),
    descriptors: descriptorsOf(pid),
    spawnerDescriptors: descriptorsOf(spawnerPid),
    unixSockets: unixSockets([pid, spawnerPid], state.runFolder),
    tcpSockets: tcpSockets(pid) - tcpSockets(process.pid),
    // The named pipes are a store that grows with the number of sandboxes at a time only, and views of the machine with that of their sizes.
    files: globSync(`${state.runFolder}/**`).filter((file) => !/\/(pipes|views)\//.test(file)).length,
  };
}

/** Waits until the footprint is the expected one, or has had long enough; returns the last. */
export async function settled(instance: Instance, expected: Footprint, withinMs = 30_000): Promise<Footprint> {
  const giveUpAt = performance.now() + withinMs;
  for (;;) {
    const now = footprint(instance);
    if (performance.now() > giveUpAt || JSON.stringify(now) === JSON.stringify(expected)) return now;
    await sleep(100);
  }
}

/** Waits until nothing has changed for two seconds, as what ends on a busy machine does so by leaps: what is prepared ahead is there. */
export async function steady(instance: Instance): Promise<Footprint> {
  const giveUpAt = performance.now() + 30_000;
  let since = performance.now();
  let before = footprint(instance);
  while (performance.now() < giveUpAt && performance.now() - since < 2000) {
    await sleep(50);
    const now = footprint(instance);
    if (JSON.stringify(now) !== JSON.stringify(before)) since = performance.now();
    before = now;
  }
  return before;
}

/** What is left of an ended server, each as a line; empty: nothing. */
export function remainsOf({ state, processes }: Instance): string[] {
  return [
    ...processes.filter((process) => identityOf(Number(process.split(":")[0])).includes(process)).map(named),
    ...processesWith(state.runFolder).map((pid) => named(`${pid}:`)),
    ...groupProcesses(state).map((pid) => named(`${pid}:`)),
    ...state.cgroupFolders.filter((folder) => existsSync(folder)).map((folder) => `control group ${folder}`),
    ...(existsSync(state.runFolder) ? [`folder ${state.runFolder}`] : []),
    ...readOr("/proc/self/mountinfo")
      .split("\n")
      .filter((line) => line.includes(state.runFolder))
      .map((line) => `mount ${line}`),
    ...readOr("/proc/net/unix")
      .split("\n")
      .filter((line) => line.includes(state.runFolder))
      .map((line) => `socket ${line}`),
  ];
}

/** Fails with what is left when there still is something after `withinMs`. Resolves to the milliseconds it took. */
export async function assertGone(instance: Instance, withinMs: number): Promise<number> {
  const beganAt = performance.now();
  while (remainsOf(instance).length > 0 && performance.now() - beganAt < withinMs) await sleep(20);
  assert.deepEqual(remainsOf(instance), [], `nothing is left after ${withinMs} ms`);
  return Math.round(performance.now() - beganAt);
}

/** Resident memory of a process in MiB. */
export function residentMiB(pid: number): number {
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(readOr(`/proc/${pid}/status`))?.[1] ?? 0) / 1024);
}

/** Every process below another. */
export function descendants(pid: number): number[] {
  const children = childrenOf(pid);
  return children.concat(children.flatMap(descendants));
}

/** Why these tests cannot run here, or false. */
export const cannotCount: string | false =
  process.platform !== "linux" || process.getuid?.() !== 0 || !existsSync("/usr/bin/bwrap")
    ? "needs Linux, root and bubblewrap"
    : false;

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readOr(`/proc/${pid}/task/${thread}/children`).split(" ").filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}

/** Ids come again; with the time of the start they are one process. One that is dead and waits to be collected does not count. */
function identityOf(pid: number): string[] {
  const text = readOr(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return text === "" || fields[0] === "Z" ? [] : [`${pid}:${fields[19]}`];
}

function named(process: string): string {
  const [pid] = process.split(":");
  return `process ${pid} ${readOr(`/proc/${pid}/cmdline`).replaceAll("\0", " ").slice(0, 200)}`;
}

/** Those that were started with this text among their arguments. */
export function processesWith(text: string): number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => readOr(`/proc/${pid}/cmdline`).includes(text)).map(Number);
}

function groupProcesses(state: InstanceState): number[] {
  const files = state.cgroupFolders.slice(0, 1).flatMap((folder) => globSync(`${folder}/**/cgroup.procs`));
  return files.flatMap((file) => readOr(file).split("\n").filter(Boolean).map(Number));
}

/** Open in the processes, and bound to a file in the folder whoever has them. */
function unixSockets(pids: readonly number[], folder: string): number {
  const table = readOr("/proc/net/unix").split("\n").slice(1);
  const inodes = new Set(pids.flatMap(socketsOf));
  return table.filter((line) => line.includes(folder) || inodes.has(line.trim().split(/\s+/)[6] ?? "")).length;
}

function tcpSockets(pid: number): number {
  const tcp = tcpInodes();
  return socketsOf(pid).filter((inode) => tcp.has(inode)).length;
}

function tcpInodes(): Set<string> {
  const tables = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((file) => readOr(file).split("\n").slice(1));
  return new Set(tables.map((line) => line.trim().split(/\s+/)[9] ?? ""));
}

function socketsOf(pid: number): string[] {
  return targetsOf(pid).flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.slice(1) ?? []);
}

function descriptorsOf(pid: number): Record<string, number> {
  const tcp = tcpInodes();
  const counts: Record<string, number> = {};
  for (const target of targetsOf(pid).toSorted()) {
    if (tcp.has(target.slice("socket:[".length, -1))) continue;
    // The number of a pipe or a socket, or the name of the folder of a sandbox.
    const name = target.replace(/:\[\d+\]$/, "").replace(/\/pipes\/\d+/, "/pipes");
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** What the descriptors of a process lead to. */
function targetsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return [];
    }
  });
}

/** Other tests mount disks of their own, and engines of theirs more. */
function mountsOf(pid: number | "self"): string[] {
  return readOr(`/proc/${pid}/mountinfo`)
    .split("\n")
    .filter((line) => line !== "" && !line.includes("/docker-test-"));
}

/** Those that are not this machine's, which a spawner sees come and go. */
export function mountsBeside(pid: number): number {
  const machines = new Set(mountsOf("self").map(placeOf));
  return mountsOf(pid).filter((line) => !machines.has(placeOf(line))).length;
}

const placeOf = (mount: string) => mount.split(" ")[4];

function readOr(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
