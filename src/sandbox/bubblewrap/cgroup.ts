/**
 * Control groups: memory, number of processes, which processors and what share of them, freezing and killing. One folder per hierarchy and
 * sandbox, `polykiln/<instance and owner>/<sandbox>` below the base of the hierarchy. Version 1 and version 2 may be mounted at the same
 * time; then version 2 often has no controllers and is still good for freezing and killing.
 * Source: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/ of the kernel.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { cpuWeightOf, type SandboxLimits } from "../sandbox.ts";
import { weightText } from "../spawner/cpu-weight.ts";
import { isOfDeadOwner } from "../spawner/owner.ts";
import type { CgroupController, CgroupTree, CpuFile, MemoryFiles, SpawnedReply } from "../spawner/messages.ts";

/** What all our groups are below, so that an administrator recognises them. */
const parentName = "polykiln";

/** bwrap has two processes of its own in each sandbox. */
const ownProcesses = 2;

/** The groups of one instance. */
export class CgroupParent {
  readonly #trees: readonly CgroupTree[];
  readonly #name: string;

  /** The name is one of `spawner/owner.ts`. */
  constructor(trees: readonly CgroupTree[], name: string) {
    this.#trees = trees;
    this.#name = name;
    for (const tree of trees) {
      const ours = `${tree.base}/${parentName}`;
      if (tree.version === 2) delegate(tree.base, tree.controllers);
      for (const folder of [ours, `${ours}/${name}`]) {
        mkdirSync(folder, { recursive: true });
        if (tree.version === 2) delegate(folder, tree.controllers);
        else if (tree.controllers.includes("cpuset")) allowCores(folder);
      }
    }
  }

  /** Makes the groups of a sandbox, still without limits. */
  make(sandbox: string): Cgroup {
    const trees = this.#trees.map((tree) => ({ tree, folder: `${tree.base}/${parentName}/${this.#name}/${sandbox}` }));
    for (const { folder } of trees) mkdirSync(folder, { recursive: true });
    return new Cgroup(trees);
  }

  /** Removes what `make` has not made; the sandboxes' groups must be gone. */
  remove(): void {
    for (const folder of cgroupFolders(this.#trees, this.#name)) {
      removeFolder(folder);
      // Other instances may still use the parent.
      removeFolder(folder.slice(0, -this.#name.length - 1));
    }
  }
}

/** The folders of an instance, one per hierarchy: what a sweep needs to know. */
export function cgroupFolders(trees: readonly CgroupTree[], name: string): string[] {
  return trees.map((tree) => `${tree.base}/${parentName}/${name}`);
}

/**
 * Removes what is empty of instances whose server is dead, whatever became of its data folder. Nothing is killed: the kernel
 * refuses to remove a group with a process in it, and what runs there may be another's by a chance we cannot see.
 */
export function removeDeadGroups(trees: readonly CgroupTree[]): void {
  for (const tree of trees) {
    const ours = `${tree.base}/${parentName}`;
    for (const name of foldersIn(ours)) {
      if (!isOfDeadOwner(name)) continue;
      for (const sandbox of foldersIn(`${ours}/${name}`)) removeFolder(`${ours}/${name}/${sandbox}`);
      removeFolder(`${ours}/${name}`);
    }
  }
}

/** The groups of one sandbox. */
export class Cgroup {
  readonly #trees: readonly { tree: CgroupTree; folder: string }[];

  constructor(trees: readonly { tree: CgroupTree; folder: string }[]) {
    this.#trees = trees;
  }

  /** A process that writes its id into each of these is inside. */
  get processFiles(): string[] {
    return this.#trees.map(({ folder }) => `${folder}/cgroup.procs`);
  }

  /** Those that the serving process uses by itself. */
  get files(): Pick<SpawnedReply, "freezeFile" | "memoryFiles" | "cpuFile" | "coresFile"> {
    return { freezeFile: this.freezeFile, memoryFiles: this.memoryFiles, cpuFile: this.cpuFile, coresFile: this.coresFile };
  }

  /** Null where nothing can be frozen. */
  get freezeFile(): string | null {
    const folder = this.#folderOf("freeze");
    return folder === null ? null : `${folder}/cgroup.freeze`;
  }

  /** Null where memory is not counted. */
  get memoryFiles(): MemoryFiles | null {
    const found = this.#trees.find(({ tree }) => tree.controllers.includes("memory"));
    if (found === undefined) return null;
    const usage = found.tree.version === 1 ? "memory.usage_in_bytes" : "memory.current";
    return { usage: `${found.folder}/${usage}`, stat: `${found.folder}/memory.stat` };
  }

  /** Null where nothing shares out the processors. */
  get cpuFile(): CpuFile | null {
    const found = this.#trees.find(({ tree }) => tree.controllers.includes("cpu"));
    if (found === undefined) return null;
    const { version } = found.tree;
    return { version, path: `${found.folder}/${version === 1 ? "cpu.shares" : "cpu.weight"}` };
  }

  /** Null where nothing keeps a sandbox on its processors. */
  get coresFile(): string | null {
    const folder = this.#folderOf("cpuset");
    return folder === null ? null : `${folder}/${coresName}`;
  }

  limit(limits: SandboxLimits): void {
    for (const { tree, folder } of this.#trees) {
      for (const [file, value] of limitFiles(tree, limits)) {
        // Not every kernel counts swap, and without the file there is nothing to limit.
        if (optionalFiles.has(file) && !existsSync(`${folder}/${file}`)) continue;
        writeFileSync(`${folder}/${file}`, value);
      }
    }
    if (limits.cores !== undefined) this.#keepOn(limits.cores);
  }

  /** Kills everything inside at once, also what is frozen. False where the kernel cannot. */
  kill(): boolean {
    const folder = this.#folderOf("freeze");
    if (folder === null || !existsSync(`${folder}/cgroup.kill`)) return false;
    writeFileSync(`${folder}/cgroup.kill`, "1");
    return true;
  }

  outOfMemory(): boolean {
    const found = this.#trees.find(({ tree }) => tree.controllers.includes("memory"));
    if (found === undefined) return false;
    const file = `${found.folder}/${found.tree.version === 1 ? "memory.oom_control" : "memory.events"}`;
    // When our server is dead, another one may have removed the group already.
    return existsSync(file) && /^oom_kill [1-9]/m.test(readFileSync(file, "utf8"));
  }

  /** False while a process is left inside. */
  remove(): boolean {
    return this.#trees.map(({ folder }) => removeFolder(folder)).every((gone) => gone);
  }

  /** A processor may be taken from the machine while it runs; what was to run on it then runs on any. */
  #keepOn(cores: readonly number[]): void {
    const file = this.coresFile;
    if (file === null) return;
    try {
      writeFileSync(file, cores.join(","));
    } catch (error) {
      if (!noSuchCore.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }

  #folderOf(controller: CgroupController): string | null {
    return this.#trees.find(({ tree }) => tree.controllers.includes(controller))?.folder ?? null;
  }
}

const coresName = "cpuset.cpus";
const noSuchCore: ReadonlySet<string> = new Set(["EACCES", "EINVAL", "ENOSPC"]);

const optionalFiles: ReadonlySet<string> = new Set(["memory.memsw.limit_in_bytes", "memory.swap.max"]);

/** The order counts: memory with swap may never be below memory alone. */
function limitFiles(tree: CgroupTree, limits: SandboxLimits): [file: string, value: string][] {
  const memory = String(limits.memoryMiB * 1024 * 1024);
  const processes = String(limits.processesMax + ownProcesses);
  const weight = weightText(tree.version, limits.cpuWeight ?? cpuWeightOf(limits.memoryMiB));
  const files: Record<CgroupController, [string, string][]> =
    tree.version === 1
      ? {
          memory: [
            ["memory.limit_in_bytes", memory],
            ["memory.memsw.limit_in_bytes", memory],
          ],
          pids: [["pids.max", processes]],
          cpu: [["cpu.shares", weight]],
          cpuset: [],
          freeze: [],
        }
      : {
          memory: [
            ["memory.max", memory],
            ["memory.swap.max", "0"],
          ],
          pids: [["pids.max", processes]],
          cpu: [["cpu.weight", weight]],
          cpuset: [],
          freeze: [],
        };
  return tree.controllers.flatMap((controller) => files[controller]);
}

/** Version 2 gives a group's children only the controllers that it names. */
function delegate(folder: string, controllers: readonly CgroupController[]): void {
  const file = `${folder}/cgroup.subtree_control`;
  const given = existsSync(file) ? readFileSync(file, "utf8").trim().split(" ") : [];
  const names = controllers.filter((controller) => controller !== "freeze" && !given.includes(controller));
  if (names.length > 0) writeFileSync(file, names.map((name) => `+${name}`).join(" "));
}

/** In version 1 nothing can run in a group that was not told where; what is made below is told the same. */
function allowCores(folder: string): void {
  writeFileSync(`${folder}/cgroup.clone_children`, "1");
  for (const name of [coresName, "cpuset.mems"]) writeFileSync(`${folder}/${name}`, readFileSync(`${dirname(folder)}/${name}`));
}

/** True when it is gone. The kernel refuses while a process or a group is left in it. */
function removeFolder(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}

/** Kills what is in the groups of an instance that is no more, then removes them. Returns what could not be removed. */
export function killCgroupFolder(folder: string): string[] {
  const children = foldersIn(folder).map((child) => `${folder}/${child}`);
  for (const child of children) killProcesses(child);
  const left = children.filter((child) => !removeFolder(child));
  return removeFolder(folder) ? left : [...left, folder];
}

/** Names; none when the folder itself is gone, as another server that starts may remove it at the same time. */
function foldersIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch {
    return [];
  }
}

function killProcesses(folder: string): void {
  try {
    if (existsSync(`${folder}/cgroup.kill`)) return writeFileSync(`${folder}/cgroup.kill`, "1");
    for (const line of readFileSync(`${folder}/cgroup.procs`, "utf8").split("\n")) {
      const pid = Number(line);
      if (pid > 1) killQuietly(pid);
    }
  } catch {
    // Somebody else removed it; whether it is gone shows when it is removed.
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone already, which is what we want.
  }
}
