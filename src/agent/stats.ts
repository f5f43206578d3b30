/** What an agent tells of itself, for metrics and for people. */
import type { Fn, StartType } from "../model/model.ts";
import type { CellCounts, StemCells } from "./cells.ts";
import type { MemoryBudget } from "./evictor.ts";
import type { Instance } from "./instance.ts";
import type { Pool } from "./pool.ts";
import type { ProvisionCounts } from "./provisions.ts";

/** A reading of one moment; totals count since the process began. */
export interface AgentStats {
  readonly sandboxes: SandboxCounts;
  /** Sandboxes that are kept ready, which are counted above, too. */
  readonly provisioned: ProvisionCounts;
  /** Stem cells, which are not counted among the sandboxes. */
  readonly stemCells: CellCounts;
  readonly memory: {
    /** What living sandboxes used when they were last measured; those that never were count with their limit. */
    readonly usedMiB: number;
    /** What counts against the budget: the limits of busy and starting ones, what idle and frozen ones use. */
    readonly promisedMiB: number;
    readonly budgetMiB: number;
  };
  /** Calls that are under way here, those that wait included. */
  readonly calls: number;
  /** Calls that wait for a slot. */
  readonly waiting: number;
  /** Idle sandboxes ended to make room for others. */
  readonly evictionsTotal: number;
  readonly freezesTotal: number;
  readonly thawsTotal: number;
  /** Sandboxes ended because of what they held (`memory`) or how old they were (`age`), so that the next call gets a new one. */
  readonly replacementsTotal: Readonly<Record<Replacement, number>>;
  /** Calls by how they found their sandbox; `none`: they found none. */
  readonly startsTotal: Readonly<Record<StartType, number>>;
}

/** Sandboxes by what they do now. */
export interface SandboxCounts {
  readonly starting: number;
  /** At least one call runs. */
  readonly busy: number;
  readonly idle: number;
  readonly frozen: number;
}

/** Why a sandbox that works was replaced. */
export type Replacement = "memory" | "age";

/** The totals, as those who cause them count them. */
export class Counters {
  freezes = 0;
  thaws = 0;
  readonly replacements: Record<Replacement, number> = { memory: 0, age: 0 };
  readonly starts: Record<StartType, number> = { hot: 0, warm: 0, prewarmed: 0, cold: 0, none: 0 };
}

/** The stats of an agent's pools. */
export function statsOf(
  pools: Iterable<Pool>,
  calls: number,
  cells: StemCells,
  memory: MemoryBudget,
  counters: Counters,
): AgentStats {
  const sandboxes = { starting: 0, busy: 0, idle: 0, frozen: 0 };
  let usedMiB = cells.countedMiB;
  const provisioned = { wanted: 0, ready: 0 };
  let waiting = 0;
  for (const pool of pools) {
    waiting += pool.waiting;
    provisioned.wanted += pool.provisioned.wanted;
    provisioned.ready += Math.min(pool.provisioned.ready, pool.provisioned.wanted);
    sandboxes.starting += pool.starting;
    usedMiB += pool.starting * pool.fn.memoryMiB;
    for (const instance of pool.live) {
      sandboxes[stateOf(instance)]++;
      usedMiB += instance.usedMiB ?? pool.fn.memoryMiB;
    }
  }
  return {
    sandboxes,
    provisioned,
    stemCells: cells.counts,
    memory: { usedMiB, promisedMiB: memory.promisedMiB, budgetMiB: memory.totalMiB },
    calls,
    waiting,
    evictionsTotal: memory.evictions,
    freezesTotal: counters.freezes,
    thawsTotal: counters.thaws,
    replacementsTotal: { ...counters.replacements },
    startsTotal: { ...counters.starts },
  };
}

/** The sandboxes of one function, whatever their revision. */
export function sandboxesOf(pools: Iterable<Pool>, functionId: string): SandboxCounts {
  const counts = { starting: 0, busy: 0, idle: 0, frozen: 0 };
  for (const pool of pools) {
    if (pool.fn.id !== functionId) continue;
    counts.starting += pool.starting;
    for (const instance of pool.live) counts[stateOf(instance)]++;
  }
  return counts;
}

/** Those of every function that has any, or whose calls wait for one. */
export function sandboxesByFunction(
  pools: Iterable<Pool>,
): ReadonlyMap<string, { readonly fn: Fn; readonly counts: SandboxCounts }> {
  const found = new Map<string, { readonly fn: Fn; readonly counts: Counted }>();
  for (const { fn, starting, live } of pools) {
    const { counts } = found.get(fn.id) ?? { counts: { starting: 0, busy: 0, idle: 0, frozen: 0 } };
    found.set(fn.id, { fn, counts });
    counts.starting += starting;
    for (const instance of live) counts[stateOf(instance)]++;
  }
  return found;
}

type Counted = { -readonly [State in keyof SandboxCounts]: number };

function stateOf({ activeCalls, frozen }: Instance): "busy" | "idle" | "frozen" {
  if (activeCalls > 0) return "busy";
  return frozen ? "frozen" : "idle";
}
