/**
 * The control groups of a container, where this process can reach them: then it freezes, kills and measures without asking the engine, in
 * less than a millisecond and also while the engine is away. The engine's container is found there by its id, which is part of the names.
 * Source: Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/{freezer-subsystem,memory}.rst of the kernel.
 */
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from "node:fs";
import type { CpuFile, MemoryFiles } from "../spawner/messages.ts";

/** A file that freezes, and what is written into it. */
export interface Freezer {
  readonly path: string;
  readonly freeze: string;
  readonly thaw: string;
}

/** Of one container. */
export class ContainerGroups {
  /** By controller; `unified` is version 2. */
  readonly #folders: ReadonlyMap<string, string>;

  constructor(folders: ReadonlyMap<string, string>) {
    this.#folders = folders;
  }

  get freezer(): Freezer | null {
    const unified = this.#file("unified", "cgroup.freeze");
    if (unified !== null) return { path: unified, freeze: "1", thaw: "0" };
    const path = this.#file("freezer", "freezer.state");
    return path === null ? null : { path, freeze: "FROZEN", thaw: "THAWED" };
  }

  get memoryFiles(): MemoryFiles | null {
    for (const [controller, name] of [
      ["memory", "memory.usage_in_bytes"],
      ["unified", "memory.current"],
    ] as const) {
      const usage = this.#file(controller, name);
      if (usage !== null) return { usage, stat: `${this.#folders.get(controller)}/memory.stat` };
    }
    return null;
  }

  get cpuFile(): CpuFile | null {
    const shares = this.#file("cpu", "cpu.shares");
    if (shares !== null) return { version: 1, path: shares };
    const weight = this.#file("unified", "cpu.weight");
    return weight === null ? null : { version: 2, path: weight };
  }

  get coresFile(): string | null {
    return this.#file("cpuset", "cpuset.cpus") ?? this.#file("unified", "cpuset.cpus");
  }

  /** Kills everything inside, frozen or not. False where that cannot be done from here. */
  kill(): boolean {
    const isKilled = this.#killUnified() || this.#killEach();
    // In version 1 what is frozen, or paused by the engine, dies when it is thawed, and not before.
    const path = this.#file("freezer", "freezer.state");
    if (path !== null) written(path, "THAWED");
    return isKilled;
  }

  /** It kills what is in the group, and a container may be only in groups of version 1. */
  #killUnified(): boolean {
    const path = this.#file("unified", "cgroup.kill");
    return path !== null && this.#processes("unified").length > 0 && written(path, "1");
  }

  #killEach(): boolean {
    const controller = ["freezer", "pids", "memory"].find((name) => this.#folders.has(name)) ?? "";
    const processes = this.#processes(controller);
    for (const pid of processes) killQuietly(pid);
    return processes.length > 0;
  }

  #processes(controller: string): number[] {
    const folder = this.#folders.get(controller);
    try {
      // 0: of another namespace.
      return readFileSync(`${folder}/cgroup.procs`, "utf8")
        .split("\n")
        .map(Number)
        .filter((pid) => pid > 1);
    } catch {
      return [];
    }
  }

  #file(controller: string, name: string): string | null {
    const folder = this.#folders.get(controller);
    const path = `${folder}/${name}`;
    return folder !== undefined && isWritable(path) ? path : null;
  }
}

/** Of the container whose first process is this, as the engine says; null where it is none of ours: the engine may be on another machine, or see other processes. */
export function findGroups(id: string, pid: number, mountInfo = readOr("/proc/self/mountinfo")): ContainerGroups | null {
  const folders = new Map<string, string>();
  for (const line of readOr(`/proc/${pid}/cgroup`).split("\n")) {
    const [, controllers = "", path = ""] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (!path.includes(id) || path.includes("..")) continue;
    for (const controller of controllers === "" ? ["unified"] : controllers.split(",")) {
      const mount = mountOf(controller, mountInfo);
      if (mount !== null && existsSync(mount + path)) folders.set(controller, mount + path);
    }
  }
  return folders.size === 0 ? null : new ContainerGroups(folders);
}

/** Where the hierarchy of a controller is mounted as a whole. */
function mountOf(controller: string, mountInfo: string): string | null {
  for (const line of mountInfo.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , root, mount] = before.split(" ");
    const [type, , options = ""] = after.split(" ");
    if (root !== "/" || mount === undefined) continue;
    if (controller === "unified" ? type === "cgroup2" : type === "cgroup" && options.split(",").includes(controller))
      return mount;
  }
  return null;
}

function readOr(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** False when the group is gone. */
function written(path: string, text: string): boolean {
  try {
    writeFileSync(path, text);
    return true;
  } catch {
    return false;
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone already, which is what we want.
  }
}
