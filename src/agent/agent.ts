/**
 * Owns one machine: its pools of sandboxes, their slots, its memory. Leases a sandbox for each call.
 *
 * Promises: a sandbox serves one revision of one function and no other; a call that is told `timeout` or `cancelled` has been
 * killed before; a namespace cannot keep others from their share of memory and processors; the newest revision asked for is served at once while calls of older ones finish; whatever is started is
 * ended. Deliberately absent: which technology isolates (sandbox/), what is spoken (protocol/), who may call (invocation/).
 */
import type { CancelSignal } from "../lib/cancel.ts";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import { type App, byNamespace, type Egress, type Fn, type StartType } from "../model/model.ts";
import type { AgentCall, AgentLink } from "./link.ts";
import { StemCells } from "./cells.ts";
import { Compiler } from "./compiler.ts";
import { Cores } from "./cores.ts";
import { CpuShares } from "./cpu-shares.ts";
import { EgressRules } from "./egress-rules.ts";
import { keepAliveOf } from "./keep-alive.ts";
import { Installer } from "./installer.ts";
import { KeepAlives } from "./keeper.ts";
import { MemoryBudget } from "./evictor.ts";
import { MemoryShares } from "./memory-shares.ts";
import { createPool, type Pool, type Slot } from "./pool.ts";
import { isOlder, poolKey } from "./pool-key.ts";
import { type ProvisionCounts, type Provisioned, Provisions } from "./provisions.ts";
import { machineCores } from "./machine-cores.ts";
import { MachineProcessors } from "./processors.ts";
import { RetiredPools } from "./retired-pools.ts";
import { Run } from "./run.ts";
import { Starter, type StarterParts } from "./starter.ts";
import { type AgentStats, Counters, type SandboxCounts, sandboxesByFunction, sandboxesOf, statsOf } from "./stats.ts";
import type { PoolParts } from "./stock.ts";
import { WaitingCounts } from "./waiting-counts.ts";
import type { Taker } from "./waiting-line.ts";

/** Sandboxes that are not frozen are measured so often, in ms. */
const measureEveryMs = 2000;

export interface Agent extends AgentLink {
  readonly memoryMiB: number;
  /** Makes a first sandbox of a function ready ahead of its calls. Best effort: without memory for it, or when it fails, nothing happens. */
  prepare(fn: Fn, app: App | null): void;
  /** All sandboxes that a namespace's functions keep ready from now on. Best effort: those for which there is no memory are made when there is. */
  provision(namespace: string, wanted: readonly Provisioned[]): void;
  /** `revision`: of that one; absent: of all. */
  provisioned(fn: Fn, revision?: number): ProvisionCounts;
  /** Why so many sandboxes of this function can't be kept ready; null: they can. */
  provisionRefusal(fn: Fn): PlatformError | null;
  /** For packages that code names and does not bring. */
  readonly installer: Pick<Installer, "install" | "look">;
  /** A function is there whose first call may come: its code is compiled ahead, and from now on stem cells that fit it are kept. */
  expect(fn: Fn, app: App | null): void;
  /**
   * What functions of a namespace connect to that leave it to the namespace; null: as where nothing is said. Sandboxes from before get no calls that
   * come from now on, and end with those they have.
   */
  setEgress(namespace: string, egress: Egress | null): void;
  /** Ends the sandboxes of a function, or of an app's functions, but for those of the revisions in `keep`. */
  retire(id: string, keep: readonly number[]): void;
  stats(): AgentStats;
  /** What the sandboxes of one function do now, whatever their revision. */
  sandboxes(functionId: string): SandboxCounts;
  /** The same of all functions that have any, by id. */
  sandboxesByFunction(): ReturnType<typeof sandboxesByFunction>;
  /** No new calls; running ones get `graceMs` to end, then everything is stopped. */
  close(graceMs: number): Promise<void>;
}

/** The agent of this process. */
export function createAgent(id: string, parts: StarterParts): Agent {
  return new LocalAgent(id, parts);
}

class LocalAgent implements Agent {
  readonly agentId: string;
  readonly memoryMiB: number;
  readonly #world: World;
  readonly #memory: MemoryBudget;
  readonly #shares: MemoryShares;
  readonly #waiting: WaitingCounts;
  readonly #counters = new Counters();
  readonly #parts: PoolParts;
  readonly #cells: StemCells;
  readonly #provisions: Provisions;
  readonly #compiler: Compiler;
  readonly installer: Installer;
  /** By function and revision of it and its app: the identity of a sandbox. */
  readonly #pools = new Map<string, Pool>();
  /** The same by the object that successive calls share, as long as no pool was forgotten since: a call spells no key. */
  readonly #lastPools = new WeakMap<Fn, { readonly app: App | null; readonly pool: Pool; readonly forgotten: number }>();
  #forgotten = 0;
  readonly #egress = new EgressRules();
  readonly #retired: RetiredPools;
  #running = 0;
  readonly #ended = (start: StartType) => this.#runEnded(start);
  readonly #again = (run: Run, signal: CancelSignal) => this.#place(run, signal, this.#world.monotonic());
  #closing = false;
  #measuring = false;
  /** Called when the last call has ended after `close` began. */
  #allEnded: () => void = () => {};

  constructor(id: string, parts: StarterParts) {
    this.agentId = id;
    this.#world = parts.world;
    this.#retired = new RetiredPools(parts.world);
    this.memoryMiB = parts.config.memoryMiB;
    this.#memory = new MemoryBudget(
      this.memoryMiB,
      () => this.#idle(),
      () => this.#growStarved(),
    );
    const pools = () => this.#pools.values();
    const cpu = new CpuShares(parts.world, pools);
    const cores = new Cores(parts.world, pools, parts.machineCores ?? machineCores(parts.config));
    this.#shares = new MemoryShares(this.memoryMiB, pools);
    this.#waiting = new WaitingCounts(parts.config);
    const processors = parts.processors ?? new MachineProcessors(parts.world);
    const protocol = parts.protocols.frames.blank ?? null;
    const background = { ...parts, memory: this.#memory, processors, cores, busy: () => this.#isShort() };
    this.#cells = new StemCells({ ...background, protocol });
    this.#compiler = new Compiler(background);
    this.installer = new Installer({ ...background, config: parts.config.installs });
    this.#provisions = new Provisions(this.memoryMiB, (fn, app) => this.#poolAgain(fn, app));
    this.#parts = {
      world: parts.world,
      starter: new Starter(parts, this.#cells, this.#compiler, this.#egress, {
        weightOf: (fn) => cpu.ofNew(fn),
        cores,
      }),
      memory: this.#memory,
      shares: this.#shares,
      counters: this.#counters,
      processors,
      keepAlives: new KeepAlives(keepAliveOf),
      freezeAfterMs: parts.config.freezeAfterMs,
    };
  }

  refusal(fn: Fn): PlatformError | null {
    return this.#waiting.refusal(fn);
  }

  run(call: AgentCall, signal: CancelSignal): void {
    const now = this.#world.monotonic();
    const run = new Run(call, this.#world, now, this.#ended, this.#again);
    this.#running++;
    this.#place(run, signal, now);
  }

  #place(run: Run, signal: CancelSignal, now: number): void {
    const { call } = run;
    let pool: Pool;
    let slot: Slot | undefined;
    try {
      if (this.#closing) throw new PlatformError("overloaded", "The server is stopping", { details: { retryAfterS: 1 } });
      pool = this.#poolOf(call.fn, call.app);
      slot = pool.tryTake(call);
    } catch (error) {
      run.fail(error);
      return;
    }
    if (slot === undefined) this.#runLater(pool, run, signal);
    else run.execute(pool, slot, signal, now);
  }

  prepare(fn: Fn, app: App | null): void {
    if (!this.#closing && fn.memoryMiB <= this.memoryMiB) this.#poolOf(fn, app).prepare();
  }

  provision(namespace: string, wanted: readonly Provisioned[]): void {
    if (!this.#closing) this.#provisions.set(namespace, wanted);
  }

  provisioned(fn: Fn, revision?: number): ProvisionCounts {
    return this.#provisions.of(fn, revision);
  }

  provisionRefusal(fn: Fn): PlatformError | null {
    return this.#provisions.refusal(fn);
  }

  expect(fn: Fn, app: App | null): void {
    this.#cells.expect(this.#egress.settled(fn));
    this.#compiler.expect(fn, app);
    this.#parts.starter.expect(fn, app);
  }

  setEgress(namespace: string, egress: Egress | null): void {
    this.#egress.set(namespace, egress);
    // Every call looks for its pool anew.
    this.#forgotten++;
    for (const pool of this.#pools.values()) {
      if (pool.fn.namespace === namespace && pool.fn.egress === byNamespace) pool.retire();
    }
  }

  retire(id: string, keep: readonly number[]): void {
    this.#retired.forget(id, keep);
    this.#provisions.retire(id, keep);
    for (const [key, pool] of this.#pools) {
      const { fn } = pool;
      if ((fn.id !== id && fn.appId !== id) || keep.includes(fn.revision)) continue;
      this.#retired.add(key);
      pool.retire();
    }
  }

  stats(): AgentStats {
    return statsOf(this.#pools.values(), this.#running, this.#cells, this.#memory, this.#counters);
  }

  sandboxes(functionId: string): SandboxCounts {
    return sandboxesOf(this.#pools.values(), functionId);
  }

  sandboxesByFunction(): ReturnType<typeof sandboxesByFunction> {
    return sandboxesByFunction(this.#pools.values());
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    const ended = Promise.withResolvers<void>();
    this.#allEnded = ended.resolve;
    const stopClock = this.#world.after(graceMs, ended.resolve);
    if (this.#running > 0) await ended.promise;
    stopClock();
    const reason = new PlatformError("overloaded", "The server is stopping", { details: { retryAfterS: 1 } });
    await Promise.all([
      this.#cells.close(),
      this.#parts.starter.close(),
      this.#compiler.close(),
      this.installer.close(),
      ...[...this.#pools.values()].map((pool) => pool.close(reason)),
    ]);
  }

  #runLater(pool: Pool, run: Run, signal: CancelSignal): void {
    this.#waiting.enter(pool.fn);
    const taker: Taker<Slot> = {
      served: (slot) => {
        this.#waiting.leave(pool.fn);
        run.execute(pool, slot, signal, this.#world.monotonic());
      },
      failed: (error) => {
        this.#waiting.leave(pool.fn);
        run.fail(error);
      },
    };
    pool.wait(run.call, () => run.request(), signal, taker);
  }

  #runEnded(start: StartType): void {
    this.#running--;
    this.#counters.starts[start]++;
    if (this.#running === 0) this.#allEnded();
  }

  /** Of a function that is wanted again, if it was retired. */
  #poolAgain(fn: Fn, app: App | null): Pool {
    this.#retired.delete(poolKey(fn, app, this.#egress));
    return this.#poolOf(fn, app);
  }

  #poolOf(fn: Fn, app: App | null): Pool {
    const last = this.#lastPools.get(fn);
    if (last !== undefined && last.app === app && last.forgotten === this.#forgotten) return last.pool;
    const pool = this.#poolNamed(poolKey(fn, app, this.#egress), fn, app);
    this.#lastPools.set(fn, { app, pool, forgotten: this.#forgotten });
    return pool;
  }

  #poolNamed(key: string, fn: Fn, app: App | null): Pool {
    const known = this.#pools.get(key);
    if (known !== undefined) return known;
    if (fn.memoryMiB > this.memoryMiB) throw tooBig(fn, this.memoryMiB);
    for (const [otherKey, pool] of this.#pools) {
      if (pool.fn.id === fn.id && isOlder(pool, fn, otherKey, app)) pool.retire();
    }
    const pool = createPool(fn, app, this.#parts, this.#retired.has(key), () => this.#forget(key, pool));
    this.#pools.set(key, pool);
    this.#measureLater();
    return pool;
  }

  #forget(key: string, pool: Pool): void {
    this.#forgotten++;
    if (this.#pools.get(key) === pool) this.#pools.delete(key);
    if (!this.#closing) this.#provisions.ended(pool);
  }

  #measureLater(): void {
    if (this.#measuring) return;
    this.#measuring = true;
    this.#world.after(measureEveryMs, () => void this.#measure());
  }

  /** One after the other: nobody waits for it. What is frozen was measured when it froze and does not change. */
  async #measure(): Promise<void> {
    for (const pool of this.#pools.values()) {
      for (const instance of pool.live) {
        if (instance.frozen) continue;
        await instance.measure();
        pool.measured(instance);
      }
    }
    this.#measuring = false;
    this.#growStarved();
    if (this.#pools.size > 0 && !this.#closing) this.#measureLater();
  }

  *#idle() {
    yield* this.#cells.idle();
    for (const pool of this.#pools.values()) yield* pool.idle();
  }

  /** Somebody waits for a sandbox, or for one that starts. */
  #isShort(): boolean {
    for (const { waiting, starting } of this.#pools.values()) if (waiting > 0 || starting > 0) return true;
    return false;
  }

  #growStarved(): void {
    for (const pool of this.#shares.inTurn(this.#pools.values())) pool.grow();
  }
}

function tooBig(fn: Fn, memoryMiB: number): PlatformError {
  return new PlatformError(
    "overloaded",
    `Function ${fn.name} wants ${fn.memoryMiB} MiB of memory, and this machine gives at most ${memoryMiB} MiB to functions; lower its memory`,
    { details: { limit: "memory" } },
  );
}
