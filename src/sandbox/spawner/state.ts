/**
 * What an instance leaves behind when it and its spawner are killed at the same time: control groups, with processes perhaps,
 * a packet filter, and a folder, which also tells of the filter. Mounts need no care, they go with the spawner's namespace. A file says where to look.
 */
import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import type { World } from "../../lib/world.ts";
import { defaultPath } from "../bubblewrap/capabilities.ts";
import { killCgroupFolder } from "../bubblewrap/cgroup.ts";
import { recordName, removeUplink } from "../egress/uplink.ts";
import { startTicks } from "./owner.ts";

/** The content of the state file. */
export interface InstanceState {
  readonly instance: string;
  readonly pid: number;
  /** Of the process, in ticks since the machine started: another process may get the same id later. */
  readonly startTicks: string | null;
  readonly runFolder: string;
  readonly cgroupFolders: readonly string[];
}

/** Control groups of what was killed disappear when the kernel has ended the processes. */
const removeMsMax = 10_000;

/** The state of this process's instance. */
export function stateOf(instance: string, runFolder: string, cgroupFolders: readonly string[]): InstanceState {
  return { instance, pid: process.pid, startTicks: startTicks(process.pid), runFolder, cgroupFolders };
}

/** Null when there is no such file, or no state in it. */
export function readState(file: string): InstanceState | null {
  try {
    const state = JSON.parse(readFileSync(file, "utf8")) as InstanceState;
    return typeof state.runFolder === "string" && Array.isArray(state.cgroupFolders) ? state : null;
  } catch {
    return null;
  }
}

/** The state, if its process is dead; null when it lives. */
export function leftovers(state: InstanceState): InstanceState | null {
  const isAlive = startTicks(state.pid) !== null && startTicks(state.pid) === state.startTicks;
  return isAlive && state.pid !== process.pid ? null : state;
}

/**
 * Kills and removes what a dead instance left, as its state file tells, and the file. A living instance is left alone.
 * Resolves to the names of what could not be removed.
 */
export async function sweep(stateFile: string, world: World): Promise<readonly string[]> {
  const state = readState(stateFile);
  const dead = state === null ? null : leftovers(state);
  if (dead === null) return [];
  const left = await removeLeftovers(dead, world);
  if (left.length === 0) await rm(stateFile, { force: true });
  return left;
}

/** The same for a state that is known. */
export async function removeLeftovers(state: InstanceState, world: World): Promise<readonly string[]> {
  const giveUpAt = world.monotonic() + removeMsMax;
  let left = state.cgroupFolders.flatMap(killCgroupFolder);
  while (left.length > 0 && world.monotonic() < giveUpAt) {
    await new Promise<void>((resolve) => setTimeout(resolve, 5));
    left = state.cgroupFolders.flatMap(killCgroupFolder);
  }
  left.push(...(await removeUplink(`${state.runFolder}/${recordName}`, defaultPath)));
  if (existsSync(state.runFolder)) await rm(state.runFolder, { recursive: true, force: true, maxRetries: 3 });
  return left;
}
