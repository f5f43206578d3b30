import { readFileSync } from "node:fs";
import type { AgentConfig } from "./config.ts";

/** The processors one by one, as placing sandboxes on them asks. */
export interface MachineCores {
  /** Numbers of those that this server may use; none where the kernel does not tell (elsewhere than on Linux). */
  readonly all: readonly number[];
  /** The part of the time for which each had nothing to do since the last question, by its number; empty the first time. */
  idleShares(): ReadonlyMap<number, number>;
}

/** Of this machine; none where sandboxes run on any. */
export function machineCores({ cores }: Pick<AgentConfig, "cores">): MachineCores {
  return cores === "memory" ? new KernelCores() : { all: [], idleShares: () => new Map() };
}

interface Ticks {
  readonly idle: number;
  readonly total: number;
}

/** Of this machine. Source: proc_stat(5), proc_pid_status(5). */
export class KernelCores implements MachineCores {
  readonly all: readonly number[];
  readonly #read: () => string;
  #before = new Map<number, Ticks>();

  constructor(readStat = () => readOr("/proc/stat"), status = readOr("/proc/self/status")) {
    this.#read = readStat;
    const allowed = /^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1] ?? "";
    const online = [...ticksOf(readStat()).keys()];
    this.all = online.filter((core) => isListed(core, allowed));
  }

  idleShares(): ReadonlyMap<number, number> {
    const shares = new Map<number, number>();
    const now = ticksOf(this.#read());
    for (const [core, { idle, total }] of now) {
      const before = this.#before.get(core);
      if (before !== undefined && total > before.total) shares.set(core, (idle - before.idle) / (total - before.total));
    }
    this.#before = now;
    return shares;
  }
}

/** By the number of the processor. */
function ticksOf(stat: string): Map<number, Ticks> {
  const found = new Map<number, Ticks>();
  for (const [, core, times] of stat.matchAll(/^cpu(\d+) (.*)$/gm)) {
    // user nice system idle iowait irq softirq steal
    const fields = (times ?? "").split(" ").slice(0, 8).map(Number);
    found.set(Number(core), {
      idle: (fields[3] ?? 0) + (fields[4] ?? 0),
      total: fields.reduce((sum, ticks) => sum + ticks, 0),
    });
  }
  return found;
}

/** In a list such as `0-2,7`. */
function isListed(core: number, list: string): boolean {
  return list.split(",").some((range) => {
    const [first = Number.NaN, last = first] = range.split("-").map(Number);
    return core >= first && core <= last;
  });
}

function readOr(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}
