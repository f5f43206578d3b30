/**
 * Owns one machine: its pools of sandboxes, their slots, its memory. Leases a sandbox for each call.
 *
 * Promises: a sandbox serves one revision of one function and no other; a call that is told `timeout` or `cancelled` has been
 * killed before; the newest revision asked for is served at once while calls of older ones finish; whatever is started is
 * ended. Deliberately absent: which technology isolates (sandbox/), what is spoken (protocol/), who may call (invocation/).
 */
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { App, Fn } from "../model/model.ts";
import type { AgentConfig } from "./config.ts";
import type { AgentAnswer, AgentCall, AgentLink } from "./link.ts";
import { MemoryBudget } from "./evictor.ts";
import { Pool, type Slot } from "./pool.ts";
import { Run } from "./run.ts";
import { Starter, type StarterParts } from "./starter.ts";

export interface Agent extends AgentLink {
  readonly memoryMiB: number;
  /** Ends the sandboxes of a function, or of an app's functions, that changed (all but `keepRevision`) or is gone (null). */
  retire(id: string, keepRevision: number | null): void;
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
  readonly #starter: Starter;
  readonly #memory: MemoryBudget;
  readonly #config: AgentConfig;
  /** By function and revision of it and its app: the identity of a sandbox. */
  readonly #pools = new Map<string, Pool>();
  #running = 0;
  readonly #ended = () => this.#runEnded();
  #closing = false;
  /** Called when the last call has ended after `close` began. */
  #allEnded: () => void = () => {};

  constructor(id: string, parts: StarterParts) {
    this.agentId = id;
    this.#world = parts.world;
    this.#config = parts.config;
    this.memoryMiB = parts.config.memoryMiB;
    this.#starter = new Starter(parts);
    this.#memory = new MemoryBudget(
      this.#config.memoryMiB,
      () => this.#idle(),
      () => this.#growStarved(),
    );
  }

  run(call: AgentCall, signal: AbortSignal): Promise<AgentAnswer> {
    const run = new Run(call, this.#world, this.#ended);
    this.#running++;
    try {
      if (this.#closing) throw new PlatformError("overloaded", "The server is stopping", { details: { retryAfterS: 1 } });
      const pool = this.#poolOf(call.fn, call.app);
      const slot = pool.once ? undefined : pool.tryTake(call);
      return slot === undefined ? this.#runLater(pool, run, signal) : run.execute(pool, slot, signal);
    } catch (error) {
      return Promise.reject(run.fail(error));
    }
  }

  retire(id: string, keepRevision: number | null): void {
    for (const pool of this.#pools.values()) {
      const { fn } = pool;
      if ((fn.id === id || fn.appId === id) && fn.revision !== keepRevision) pool.retire();
    }
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    const ended = Promise.withResolvers<void>();
    this.#allEnded = ended.resolve;
    const stopClock = this.#world.after(graceMs, ended.resolve);
    if (this.#running > 0) await ended.promise;
    stopClock();
    const reason = new PlatformError("overloaded", "The server is stopping", { details: { retryAfterS: 1 } });
    await Promise.all([...this.#pools.values()].map((pool) => pool.close(reason)));
  }

  async #runLater(pool: Pool, run: Run, signal: AbortSignal): Promise<AgentAnswer> {
    let slot: Slot;
    try {
      slot = pool.once ? await pool.single(run.request(), run.call) : await pool.wait(run.call, signal);
    } catch (error) {
      throw run.fail(error);
    }
    return await run.execute(pool, slot, signal);
  }

  #runEnded(): void {
    this.#running--;
    if (this.#running === 0) this.#allEnded();
  }

  #poolOf(fn: Fn, app: App | null): Pool {
    const key = `${fn.id}:${fn.revision}:${app?.revision ?? 0}`;
    const known = this.#pools.get(key);
    if (known !== undefined) return known;
    if (fn.memoryMiB > this.memoryMiB) throw tooBig(fn, this.memoryMiB);
    for (const [otherKey, pool] of this.#pools) {
      if (pool.fn.id === fn.id && isOlder(pool, fn, otherKey, app)) pool.retire();
    }
    const pool = new Pool(fn, app, this.#starter, this.#memory, this.#world, () => this.#pools.delete(key));
    this.#pools.set(key, pool);
    return pool;
  }

  *#idle() {
    for (const pool of this.#pools.values()) yield* pool.idle();
  }

  #growStarved(): void {
    for (const pool of this.#pools.values()) pool.grow();
  }
}

function isOlder(pool: Pool, fn: Fn, poolKey: string, app: App | null): boolean {
  if (pool.fn.revision !== fn.revision) return pool.fn.revision < fn.revision;
  return Number(poolKey.slice(poolKey.lastIndexOf(":") + 1)) < (app?.revision ?? 0);
}

function tooBig(fn: Fn, memoryMiB: number): PlatformError {
  return new PlatformError(
    "overloaded",
    `Function ${fn.name} wants ${fn.memoryMiB} MiB of memory, and this machine gives at most ${memoryMiB} MiB to functions; lower its memory`,
    { details: { limit: "memory" } },
  );
}
