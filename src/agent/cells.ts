import type { StemCellRule } from "../config/stem-cells.ts";
import type { World } from "../lib/world.ts";
import type { App } from "../model/model.ts";
import type { Prepared } from "../image/image.ts";
import type { BlankProtocol } from "../protocol/protocol.ts";
import { type Cell, cellEgress, type CellParts, makeCell } from "./cell.ts";
import { CellDemand } from "./cell-demand.ts";
import type { SettledFn } from "./egress-rules.ts";
import type { Evictable, MemoryBudget } from "./evictor.ts";
import type { Processors } from "./processors.ts";

export interface CellsParts extends CellParts {
  /** Null: no runtime can wait for its code. */
  readonly protocol: BlankProtocol | null;
  readonly memory: MemoryBudget;
  readonly processors: Processors;
  /** Somebody waits for a sandbox, or one is started for somebody. */
  readonly busy: () => boolean;
}

/** How many there are of all kinds. */
export interface CellCounts {
  readonly starting: number;
  readonly ready: number;
}

/** A cell that is taken, with the code in it; `folder` is where its runtime finds that. */
export interface TakenCell {
  readonly cell: Cell;
  readonly folder: string;
}

/** A new one is begun so long after one was taken, whose code then loads, and after the last one; and asked for again when it may not be, in ms. */
const refillAfterMs = 30;
const refillAgainMs = 250;
/** After a failure the next try waits so long, and twice as long after each further one, in ms. */
const retryMsMin = 1000;
const retryMsMax = 60_000;
/** Where the processors are always short, one is made after so long all the same, in ms: it is a small part of what there is. */
const shortMsMax = 5000;
/** This part of the memory is left to calls. */
const leftPart = 0.25;

/**
 * Stem cells (docs/decisions/0013-stem-cells.md): sandboxes that wait for their code, in a *rack* for each rule. A rack is filled once a function was
 * seen that fits it, one cell at a time and only while nobody waits. A taken cell is no longer known here. One timer refills all racks, and
 * runs only while one is short of cells or has some to give up.
 */
export class StemCells {
  readonly #parts: CellsParts;
  readonly #world: World;
  readonly #racks: readonly Rack[];
  #callOff: (() => void) | null = null;
  /** When it fires, monotonic ms. */
  #refillAt = Number.POSITIVE_INFINITY;
  #makingRack: Rack | null = null;
  #making: Promise<void> = Promise.resolve();
  #made = 0;
  /** When the last one was begun, monotonic ms. */
  #madeAt: number;
  #closed = false;

  constructor(parts: CellsParts) {
    this.#parts = parts;
    this.#world = parts.world;
    const now = parts.world.monotonic();
    this.#madeAt = now;
    this.#racks = parts.protocol === null ? [] : parts.config.stemCells.map((rule) => new Rack(rule, now));
  }

  get counts(): CellCounts {
    let ready = 0;
    for (const { cells } of this.#racks) ready += cells.length;
    return { starting: this.#makingRack === null ? 0 : 1, ready };
  }

  /** What all of them count with. */
  get countedMiB(): number {
    let sumMiB = this.#makingRack?.rule.memoryMiB ?? 0;
    for (const { cells } of this.#racks) for (const cell of cells) sumMiB += cell.countedMiB;
    return sumMiB;
  }

  /** A function is there whose first call may come. */
  expect(fn: SettledFn): void {
    const rack = this.#rackOf(fn, null);
    if (rack === undefined || this.#closed) return;
    this.#want(rack);
    // What it starts from is looked up now, a millisecond of its first call. Its call is told when that fails.
    const { images } = this.#parts;
    images.prepare(fn.source, fn.id).then(
      (prepared) => images.layOut?.(prepared),
      () => {},
    );
  }

  /**
   * A cell with this code in it, whose owner sees to it that it connects to what the function does; undefined where none fits, or none is there, or the
   * code can't be put into one.
   */
  take(fn: SettledFn, app: App | null, prepared: Prepared): TakenCell | undefined {
    const rack = this.#rackOf(fn, app);
    if (rack === undefined || this.#closed) return undefined;
    this.#want(rack);
    for (let cell = rack.cells.at(-1); cell !== undefined; cell = rack.cells.at(-1)) {
      if (!cell.usable) this.#end(rack, cell);
      else if (fn.egress !== cellEgress && cell.sandbox.restrict === undefined) return undefined;
      else {
        const folder = this.#fill(rack, cell, prepared);
        if (folder === undefined) continue;
        if (folder === null) return undefined;
        this.#remove(rack, cell);
        return { cell, folder };
      }
    }
    rack.demand.missed(this.#world.monotonic());
    return undefined;
  }

  /** All of them, before any sandbox that has served a call. */
  *idle(): Iterable<Evictable> {
    for (const rack of this.#racks) {
      for (const cell of rack.cells.slice()) {
        yield { idleSince: Number.NEGATIVE_INFINITY, heldMiB: cell.countedMiB, evict: () => this.#end(rack, cell) };
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#callOff?.();
    await this.#making;
    await Promise.all(this.#racks.flatMap(({ cells }) => cells.map((cell) => cell.sandbox.stop())));
  }

  #rackOf(fn: SettledFn, app: App | null): Rack | undefined {
    const { source } = fn;
    if (fn.protocol !== "frames" || source.type !== "code" || source.command !== null || fn.egress === "none") return undefined;
    // What is mounted in a cell was mounted before it was known whose it will be.
    if (source.layers !== undefined) return undefined;
    const rack = this.#racks.find(({ rule }) => rule.kind === source.kind && rule.memoryMiB === fn.memoryMiB);
    return rack === undefined || isReadAtStart(fn.config) || isReadAtStart(app?.config ?? {}) ? undefined : rack;
  }

  /** Undefined when the disk fails: the cell may hold a part of the code then, and is no good for anybody. */
  #fill(rack: Rack, cell: Cell, prepared: Prepared): string | null | undefined {
    try {
      return cell.fill(prepared);
    } catch {
      this.#end(rack, cell);
      return undefined;
    }
  }

  #want(rack: Rack): void {
    rack.isWanted = true;
    this.#refillIn(refillAfterMs);
  }

  /** A look that is to come later gives way. */
  #refillIn(ms: number): void {
    const at = this.#world.monotonic() + ms;
    if (this.#closed || this.#makingRack !== null || at >= this.#refillAt) return;
    this.#callOff?.();
    this.#refillAt = at;
    this.#callOff = this.#world.after(ms, () => {
      this.#refillAt = Number.POSITIVE_INFINITY;
      this.#refill();
    });
  }

  #refill(): void {
    const now = this.#world.monotonic();
    for (const rack of this.#racks) this.#shrink(rack, now);
    const short = this.#racks.filter((rack) => rack.isWanted && rack.cells.length < rack.demand.wanted);
    const rack = short.find(({ retryAt }) => retryAt <= now);
    if (rack !== undefined && this.#mayMake(rack)) this.#making = this.#make(rack);
    else this.#refillIn(this.#pauseMs(now, short));
  }

  /** Until there is something to do; for ever where nothing will be without a call. */
  #pauseMs(now: number, short: readonly Rack[]): number {
    const times = this.#racks.flatMap(({ demand, isWanted }) => (isWanted && demand.shrinkAt !== null ? [demand.shrinkAt] : []));
    for (const { retryAt } of short) times.push(Math.max(retryAt, now + refillAgainMs));
    return Math.ceil(Math.max(1, Math.min(timerMsMax, ...times.map((at) => at - now))));
  }

  #mayMake({ rule }: Rack): boolean {
    const { memory, processors, busy } = this.#parts;
    const hurries = this.#world.monotonic() - this.#madeAt > shortMsMax;
    if (busy() || (processors.short && !hurries)) return false;
    return memory.reserveSpare(rule.memoryMiB, memory.totalMiB * leftPart);
  }

  async #make(rack: Rack): Promise<void> {
    const { rule } = rack;
    this.#makingRack = rack;
    this.#madeAt = this.#world.monotonic();
    let cell: Cell | null = null;
    try {
      cell = await makeCell(this.#parts, this.#parts.protocol as BlankProtocol, rule, `cell-${++this.#made}`);
      // A kind without a runtime of ours never has one.
      if (cell === null) rack.isWanted = false;
      rack.failures = 0;
    } catch {
      this.#failed(rack);
    }
    this.#makingRack = null;
    const { memory } = this.#parts;
    if (cell === null || this.#closed) {
      memory.release(rule.memoryMiB);
      await cell?.sandbox.stop();
    } else {
      memory.correct(cell.countedMiB - rule.memoryMiB);
      this.#add(rack, cell);
    }
    this.#refillIn(refillAfterMs);
  }

  #add(rack: Rack, cell: Cell): void {
    rack.cells.push(cell);
    void cell.sandbox.exited.then(() => {
      if (!rack.cells.includes(cell)) return;
      this.#remove(rack, cell);
      this.#failed(rack);
      this.#refillIn(refillAfterMs);
    });
  }

  #failed(rack: Rack): void {
    rack.retryAt = this.#world.monotonic() + Math.min(retryMsMax, retryMsMin * 2 ** rack.failures++);
  }

  #shrink(rack: Rack, now: number): void {
    const at = rack.demand.shrinkAt;
    if (at === null || at > now) return;
    rack.demand.shrink(now, rack.cells.length);
    // The oldest first: the others are taken before it.
    for (const cell of rack.cells.slice(0, Math.max(0, rack.cells.length - rack.demand.wanted))) this.#end(rack, cell);
  }

  #end(rack: Rack, cell: Cell): void {
    this.#remove(rack, cell);
    void cell.sandbox.stop();
  }

  #remove(rack: Rack, cell: Cell): void {
    const at = rack.cells.indexOf(cell);
    if (at === -1) return;
    rack.cells.splice(at, 1);
    rack.demand.left(rack.cells.length);
    this.#parts.memory.release(cell.countedMiB);
    this.#refillIn(refillAfterMs);
  }
}

/** The longest that a timer can be set for. */
const timerMsMax = 2 ** 31 - 1;

/** The cells of one rule; the one made last is taken first. */
class Rack {
  readonly rule: StemCellRule;
  readonly cells: Cell[] = [];
  readonly demand: CellDemand;
  /** A function was seen that fits. */
  isWanted = false;
  failures = 0;
  /** Nothing is made before, monotonic ms. */
  retryAt = 0;

  constructor(rule: StemCellRule, now: number) {
    this.rule = rule;
    this.demand = new CellDemand(rule, now);
  }
}

/** What runtimes, or libraries below them, read when they start: a cell has started already. */
const readAtStart =
  /^(?:NODE_|PYTHON|LD_|UV_|V8_|MALLOC_|GLIBC_|OPENSSL_|SSL_|LC_|ICU_)|^(?:AWS_LAMBDA_EXEC_WRAPPER|PATH|HOME|LANG|LANGUAGE|TZ|TMPDIR)$/;

function isReadAtStart(config: Readonly<Record<string, string>>): boolean {
  for (const name in config) if (readAtStart.test(name)) return true;
  return false;
}
