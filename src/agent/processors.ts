import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { World } from "../lib/world.ts";

/** The machine's processors, as growth asks about them. */
export interface Processors {
  readonly count: number;
  /** They had next to nothing left lately: another sandbox would only take from those there are. */
  readonly short: boolean;
}

/** Of all processors since the machine started, in the kernel's ticks. */
interface Ticks {
  readonly idle: number;
  readonly total: number;
}

/** How long a look holds, in ms: the shortest time over which ticks of 10 ms say something. */
const lookEveryMs = 200;
/** One of longer ago says nothing of now. */
const lookHoldsMs = 2000;
/** Short when less than this part of the time was idle. */
const idleShareMin = 0.1;

/** The processors of this machine; never short where the kernel does not tell (elsewhere than on Linux). Source: proc_stat(5). */
export class MachineProcessors implements Processors {
  readonly count = availableParallelism();
  readonly #world: Pick<World, "monotonic">;
  readonly #read: () => Ticks | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #before: Ticks | undefined;
  #short = false;

  constructor(world: Pick<World, "monotonic">, read = readTicks) {
    this.#world = world;
    this.#read = read;
  }

  /** Reads a small file of the kernel at most every 200 ms, and only when somebody asks. */
  get short(): boolean {
    const now = this.#world.monotonic();
    const sinceMs = now - this.#lookedAt;
    if (sinceMs < lookEveryMs) return this.#short;
    const ticks = this.#read();
    this.#short = sinceMs < lookHoldsMs && idleShare(this.#before, ticks) < idleShareMin;
    this.#before = ticks;
    this.#lookedAt = now;
    return this.#short;
  }
}

/** 1 where nothing can be said. */
function idleShare(before: Ticks | undefined, now: Ticks | undefined): number {
  if (before === undefined || now === undefined || now.total === before.total) return 1;
  return (now.idle - before.idle) / (now.total - before.total);
}

function readTicks(): Ticks | undefined {
  let text: string;
  try {
    text = readFileSync("/proc/stat", "utf8");
  } catch {
    return undefined;
  }
  // user nice system idle iowait irq softirq steal
  const fields = text.slice(0, text.indexOf("\n")).split(/\s+/).slice(1, 9).map(Number);
  return { idle: (fields[3] ?? 0) + (fields[4] ?? 0), total: fields.reduce((sum, ticks) => sum + ticks, 0) };
}
