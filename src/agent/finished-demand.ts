import type { StemCellRule } from "../config/stem-cells.ts";
import type { World } from "../lib/world.ts";
import type { Fn } from "../model/model.ts";
import type { SandboxSpec } from "../sandbox/sandbox.ts";
import { CellDemand } from "./cell-demand.ts";

/** What a finished sandbox is like. */
type FinishedSpec = Omit<SandboxSpec, "output">;

/** Within so long after one was taken there is another, as a rule, in ms. */
const refilledMs = 250;

/**
 * How many sandboxes are to be finished beforehand for kinds without a runtime of ours: as many as there would be stem cells, by the same rules. The
 * driver has them; `tell` says how many like this there are to be. How many are there is not known here, but how many were taken lately.
 */
export class FinishedDemand {
  readonly #world: World;
  readonly #tell: (spec: FinishedSpec, count: number) => void;
  readonly #lines = new Map<StemCellRule, Line>();
  #callOff: (() => void) | null = null;

  constructor(world: World, tell: (spec: FinishedSpec, count: number) => void) {
    this.#world = world;
    this.#tell = tell;
  }

  /** A function is there whose first call may come. */
  expect(rule: StemCellRule, spec: FinishedSpec): void {
    const line = this.#lineOf(rule, spec);
    this.#tell(spec, line.demand.wanted);
  }

  /** One was started: finished beforehand, or in vain hoped to be. */
  started(rule: StemCellRule, spec: FinishedSpec, finished: boolean): void {
    const now = this.#world.monotonic();
    const line = this.#lineOf(rule, spec);
    const { demand } = line;
    line.taken = [...line.taken.filter((at) => at > now - refilledMs), now];
    demand.left(Math.max(0, demand.wanted - line.taken.length));
    if (finished) return;
    const before = demand.wanted;
    demand.missed(now);
    if (demand.wanted !== before) this.#tell(spec, demand.wanted);
    this.#shrinkLater();
  }

  close(): void {
    this.#callOff?.();
  }

  #lineOf(rule: StemCellRule, spec: FinishedSpec): Line {
    const line = this.#lines.get(rule);
    if (line !== undefined) {
      line.spec = spec;
      return line;
    }
    const made = { demand: new CellDemand(rule, this.#world.monotonic()), spec, taken: [] };
    this.#lines.set(rule, made);
    return made;
  }

  #shrinkLater(): void {
    if (this.#callOff !== null) return;
    const times = [...this.#lines.values()].flatMap(({ demand }) => demand.shrinkAt ?? []);
    if (times.length === 0) return;
    const ms = Math.max(1, Math.ceil(Math.min(...times) - this.#world.monotonic()));
    this.#callOff = this.#world.after(ms, () => {
      this.#callOff = null;
      this.#shrink();
      this.#shrinkLater();
    });
  }

  #shrink(): void {
    const now = this.#world.monotonic();
    for (const { demand, spec } of this.#lines.values()) {
      const before = demand.wanted;
      demand.shrink(now, before);
      if (demand.wanted !== before) this.#tell(spec, demand.wanted);
    }
  }
}

/** The rule for functions like this one; undefined: there is none. */
export function ruleFor({ source, memoryMiB }: Fn, rules: readonly StemCellRule[]): StemCellRule | undefined {
  return "kind" in source ? rules.find((rule) => rule.kind === source.kind && rule.memoryMiB === memoryMiB) : undefined;
}

/** Of one rule. */
interface Line {
  readonly demand: CellDemand;
  /** The last one that was asked for. */
  spec: FinishedSpec;
  /** When, lately, monotonic ms. */
  taken: number[];
}
