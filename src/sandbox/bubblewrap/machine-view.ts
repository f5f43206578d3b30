/**
 * What programs in a sandbox read to learn how big their machine is: files in place of the kernel's own, which tell of the whole machine.
 * They are the same for all sandboxes of a size, are written once, and do not change: what is free is told as if nothing were used.
 * Source: proc_meminfo(5), proc_cpuinfo(5), proc_stat(5); Documentation/admin-guide/{cputopology,cgroup-v2}.rst of the kernel.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Folders inside a sandbox, and what of a view is mounted there. */
export const viewMounts = [
  ["meminfo", "/proc/meminfo"],
  ["cpuinfo", "/proc/cpuinfo"],
  ["stat", "/proc/stat"],
  ["sys", "/sys"],
] as const;

/** What the kernel says of the machine itself. */
export interface Machine {
  /** /proc/cpuinfo */
  readonly cpuInfo: string;
  /** /proc/stat */
  readonly stat: string;
  /** /sys/devices/system/cpu/possible */
  readonly possibleCores: string;
}

/** The views of one spawner, below a folder that all users can read. */
export class MachineViews {
  readonly #folder: string;
  readonly #machine: Machine;
  readonly #coresMax: number;
  readonly #made = new Set<string>();

  /** `folder` is made. `cores`: as many as all of them. */
  constructor(folder: string, cores: number, machine: Machine = readMachine()) {
    this.#folder = folder;
    this.#coresMax = cores;
    this.#machine = machine;
  }

  /** The folder with the files for sandboxes of this size; `cores` undefined: all there are. */
  of(memoryMiB: number, cores = this.#coresMax): string {
    const folder = `${this.#folder}/${memoryMiB}-${cores}`;
    if (this.#made.has(folder)) return folder;
    for (const [name, text] of viewFiles(memoryMiB, cores, this.#machine)) {
      const file = `${folder}/${name}`;
      makeFolder(dirname(file));
      writeFileSync(file, text);
      chmodSync(file, 0o644);
    }
    this.#made.add(folder);
    return folder;
  }
}

/** Whatever our umask is: sandboxes have users of their own. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  mkdirSync(folder);
  chmodSync(folder, 0o755);
}

const read = (file: string) => readFileSync(file, "latin1");

function readMachine(): Machine {
  return { cpuInfo: read("/proc/cpuinfo"), stat: read("/proc/stat"), possibleCores: read("/sys/devices/system/cpu/possible") };
}

/** Names and contents of the files of a view. */
export function viewFiles(memoryMiB: number, cores: number, machine: Machine): [name: string, text: string][] {
  const numbers = Array.from({ length: cores }, (_, number) => number);
  return [
    ["meminfo", memoryText(memoryMiB)],
    ["cpuinfo", numbers.map((number) => processorText(number, cores, machine.cpuInfo)).join("")],
    ["stat", statText(numbers, machine.stat)],
    ["sys/devices/system/cpu/online", `${rangeOf(cores)}\n`],
    // The real ones: libraries that keep something for each processor look here for the highest number that they can meet.
    ["sys/devices/system/cpu/possible", machine.possibleCores],
    ["sys/devices/system/cpu/present", machine.possibleCores],
    ...numbers.flatMap((number) => topologyFiles(number, cores)),
    ...groupFiles(memoryMiB, cores),
  ];
}

function memoryText(memoryMiB: number): string {
  const kibibytes: [string, number][] = [
    ["MemTotal", memoryMiB * 1024],
    ["MemFree", memoryMiB * 1024],
    ["MemAvailable", memoryMiB * 1024],
    ...["Buffers", "Cached", "SwapCached", "SwapTotal", "SwapFree", "Shmem", "SReclaimable"].map((name): [string, number] => [
      name,
      0,
    ]),
  ];
  return kibibytes.map(([name, size]) => `${`${name}:`.padEnd(15)}${String(size).padStart(9)} kB\n`).join("");
}

/** A paragraph for each processor; those of a machine are alike but for their numbers. */
function processorText(number: number, cores: number, cpuInfo: string): string {
  const [first = ""] = cpuInfo.split("\n\n");
  const own: Readonly<Record<string, number>> = { processor: number, "core id": number, siblings: cores, "cpu cores": cores };
  const lines = first.trim().split("\n");
  const text = lines.map((line) => {
    const [, name = "", between = ""] = /^([^\t:]+)(\s*: ?)/.exec(line) ?? [];
    return own[name] === undefined ? line : `${name}${between}${own[name]}`;
  });
  return `${text.join("\n")}\n\n`;
}

/** Nothing was used since the machine started, whose time is the real one: the start times of processes count from it. */
function statText(cores: readonly number[], stat: string): string {
  const unused = "0 0 0 0 0 0 0 0 0 0";
  const startedAt = /^btime \d+$/m.exec(stat)?.[0] ?? "btime 0";
  const lines = [`cpu  ${unused}`, ...cores.map((number) => `cpu${number} ${unused}`)];
  return `${[...lines, "intr 0", "ctxt 0", startedAt, "processes 0", "procs_running 1", "procs_blocked 0", "softirq 0"].join("\n")}\n`;
}

function topologyFiles(number: number, cores: number): [string, string][] {
  const facts: Readonly<Record<string, string>> = {
    core_id: String(number),
    core_cpus_list: String(number),
    thread_siblings_list: String(number),
    physical_package_id: "0",
    package_cpus_list: rangeOf(cores),
  };
  return Object.entries(facts).map(([name, text]) => [`sys/devices/system/cpu/cpu${number}/topology/${name}`, `${text}\n`]);
}

/** Limits where runtimes look for them: of the version of control groups that /proc/self/cgroup tells, so both are there. */
function groupFiles(memoryMiB: number, cores: number): [string, string][] {
  const [bytes, periodUs] = [memoryMiB * 1024 * 1024, 100_000];
  const files: Readonly<Record<string, string | number>> = {
    "cgroup.controllers": "cpu memory",
    "memory.max": bytes,
    "memory.high": "max",
    "memory.swap.max": 0,
    "cpu.max": `${cores * periodUs} ${periodUs}`,
    "memory/memory.limit_in_bytes": bytes,
    "memory/memory.soft_limit_in_bytes": bytes,
    "memory/memory.memsw.limit_in_bytes": bytes,
    "cpu/cpu.cfs_quota_us": cores * periodUs,
    "cpu/cpu.cfs_period_us": periodUs,
  };
  return Object.entries(files).map(([name, text]) => [`sys/fs/cgroup/${name}`, `${text}\n`]);
}

function rangeOf(cores: number): string {
  return cores === 1 ? "0" : `0-${cores - 1}`;
}
