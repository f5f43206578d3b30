import { asPlatformError } from "../model/error.ts";
import { limits } from "../model/limits.ts";
import type { Delivery, Lane, Queue } from "../queue/queue.ts";
import { Attempt, type AttemptParts, type Finished } from "./attempt.ts";
import { ByteRoom } from "./byte-room.ts";
import type { AsyncCounts } from "./invocation.ts";
import { Pace } from "./pace.ts";
import { Settler } from "./settler.ts";
import type { Traffic } from "./traffic.ts";
import { Turns } from "./turns.ts";

/** A lease lasts so long, in ms, and is extended three times as often: it ends only when this process does. */
const leaseMs = 60_000;
const pauseMs = [250, 500, 1000, 2000] as const;
/** The longest time without a look, in ms: a timer that long may be late when the clock was set. */
const lookMsMax = 10_000;
/** Large request bodies in memory at a time. */
const roomBytesMax = 4 * limits.requestBytesMax;
/** What ends after the drain time is cut off gets this long to be told and written, in ms. */
const cutOffMs = 5000;

export interface ConsumerParts extends Omit<AttemptParts, "room"> {
  readonly queue: Queue;
  readonly traffic: Traffic;
  /** Asynchronous calls at a time, in all. */
  readonly callsMax: number;
  /** The same while somebody waits for the answer of a synchronous call. */
  readonly busyCallsMax: number;
  readonly warn: (message: string, error: unknown) => void;
}

/**
 * Runs what is in the queue. It *looks* (asks for lanes where something is due, and takes messages for its free slots), *sleeps*
 * (until something is sent, an attempt ends, or time passes), is *paused* (the queue refused, as with a full disk; it tries again
 * by itself), or is *stopped*. A message is taken only when it is run at once, so that a crash counts against those alone that ran.
 */
export class Consumer {
  readonly #parts: ConsumerParts & AttemptParts;
  readonly #pace: Pace;
  readonly #turns = new Turns();
  readonly #settler: Settler;
  /** Running, or over and not settled. */
  readonly #attempts = new Map<string, { readonly attempt: Attempt; readonly beganAt: number }>();
  readonly #counts = { attempts: 0, succeeded: 0, retries: 0, deadLettered: 0, cancelled: 0 };
  /** Called when a call is settled. */
  readonly #listeners = new Set<{ readonly id: string; readonly heard: () => void }>();
  #looking = false;
  #lookAgain = false;
  #stopped = false;
  #failures = 0;
  #paused: string | null = null;
  #stopTimer: (() => void) | null = null;
  #stopHeart: (() => void) | null = null;
  /** Called whenever an attempt has been settled. */
  #moved: () => void = () => {};

  constructor(parts: ConsumerParts) {
    const { world, recorder, queue, warn, traffic, callsMax, busyCallsMax } = parts;
    this.#parts = { ...parts, room: new ByteRoom(roomBytesMax) };
    this.#pace = new Pace({ world, traffic, callsMax, busyCallsMax });
    this.#settler = new Settler({ world, recorder, queue, warn, settled: (finished) => this.#settled(finished) });
  }

  get counts(): Omit<AsyncCounts, "accepted"> {
    return this.#counts;
  }

  get running(): number {
    return this.#pace.running;
  }

  /** Why nothing is taken at the moment. */
  get paused(): string | null {
    return this.#paused;
  }

  start(): void {
    this.#parts.queue.onSent(() => this.#look());
    this.#beat();
    this.#look();
  }

  /** Calls `heard` whenever the call is settled; the returned function ends that. */
  onSettled(id: string, heard: () => void): () => void {
    const listener = { id, heard };
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes nothing more; what runs gets `graceMs` to end and is given back then. Resolves when all of it is on the disk. */
  async close(graceMs: number): Promise<void> {
    this.#stopped = true;
    this.#stopTimer?.();
    this.#stopHeart?.();
    await this.#allSettled(graceMs);
    for (const { attempt } of this.#attempts.values()) attempt.stop();
    await this.#allSettled(cutOffMs);
  }

  async #allSettled(withinMs: number): Promise<void> {
    if (this.#attempts.size === 0 && !this.#looking) return;
    const over = Promise.withResolvers<void>();
    const stopClock = this.#parts.world.after(withinMs, over.resolve);
    this.#moved = () => {
      if (this.#attempts.size === 0 && !this.#looking) over.resolve();
    };
    await over.promise;
    stopClock();
  }

  #beat(): void {
    this.#stopHeart = this.#parts.world.after(leaseMs / 3, () => {
      const receipts = [...this.#attempts.values()].map(({ attempt }) => attempt.delivery.receipt);
      if (receipts.length > 0) this.#parts.queue.extend(receipts, leaseMs).catch((error: unknown) => this.#pause(error));
      this.#beat();
    });
  }

  #look(): void {
    if (this.#stopped || this.#paused !== null) return;
    if (this.#looking) {
      this.#lookAgain = true;
      return;
    }
    this.#looking = true;
    void this.#take().finally(() => {
      this.#looking = false;
      this.#moved();
      if (!this.#lookAgain) return;
      this.#lookAgain = false;
      this.#look();
    });
  }

  async #take(): Promise<void> {
    try {
      let sleepMs = await this.#takeTurn();
      while (sleepMs === 0) sleepMs = await this.#takeTurn();
      if (sleepMs !== null) this.#sleep(sleepMs);
      this.#failures = 0;
    } catch (error) {
      this.#pause(error);
    }
  }

  /** Takes of one lane. How long there is nothing more to do, in ms (null: until something moves; 0: there may be more). */
  async #takeTurn(): Promise<number | null> {
    if (this.#stopped || !this.#settler.hasRoom) return null;
    const { traffic, world } = this.#parts;
    const { calls, againMs, inGap } = this.#pace.room;
    if (inGap) traffic.onceGap(() => this.#look());
    if (calls === 0) return againMs;
    const beganAt = world.monotonic();
    const { due, nextMs } = await this.#parts.queue.lanes();
    const turn = this.#turns.next(due, (lane) => this.#callsMaxOf(lane), calls);
    if (turn === undefined) return nextMs === null ? lookMsMax : Math.max(1, nextMs);
    const deliveries = await this.#parts.queue.receive(turn.lane, turn.limit, leaseMs);
    if (deliveries.length > 0) world.crashPoint?.("lease");
    for (const delivery of deliveries) this.#run(delivery, beganAt);
    return 0;
  }

  /** No more of a function than it has slots, where that is known; and never all there are. */
  #callsMaxOf({ namespace, name }: Lane): number {
    const { definitions, callsMax } = this.#parts;
    const most = Math.max(1, Math.ceil(callsMax * 0.75));
    const fn = definitions.peek(namespace, { by: "id", functionId: name })?.fn;
    return fn === undefined ? most : Math.min(most, fn.sandboxesMax * fn.concurrency);
  }

  #run(delivery: Delivery, beganAt: number): void {
    // Only if the queue lost count: the one that runs is the one that counts.
    if (this.#attempts.has(delivery.id)) return;
    const attempt = new Attempt(this.#parts, delivery);
    this.#attempts.set(delivery.id, { attempt, beganAt });
    this.#turns.began(delivery.lane);
    this.#counts.attempts++;
    this.#pace.began(beganAt);
    void attempt.run().then((finished) => {
      this.#pace.ended();
      this.#turns.ended(delivery.lane);
      this.#settler.add(finished);
      this.#look();
    });
  }

  #settled(batch: readonly Finished[]): void {
    for (const { outcome, record } of batch) {
      const { id } = outcome.receipt;
      const beganAt = this.#attempts.get(id)?.beganAt;
      if (beganAt !== undefined) this.#pace.settled(beganAt);
      this.#attempts.delete(id);
      if (outcome.type === "retry") this.#counts.retries++;
      else if (outcome.type === "bury") this.#counts.deadLettered++;
      else if (record?.status === "success") this.#counts.succeeded++;
      else if (record?.status === "cancelled") this.#counts.cancelled++;
      for (const listener of this.#listeners) if (listener.id === id) listener.heard();
    }
    this.#moved();
    this.#look();
  }

  #sleep(ms: number): void {
    this.#stopTimer?.();
    this.#stopTimer = this.#parts.world.after(Math.min(ms, lookMsMax), () => this.#look());
  }

  #pause(error: unknown): void {
    const { message, details } = asPlatformError(error);
    if (this.#stopped || details["reason"] === "closed") return;
    if (this.#paused === null) this.#parts.warn("No asynchronous calls are taken at the moment; trying again", error);
    this.#paused = message;
    const ms = pauseMs[Math.min(this.#failures++, pauseMs.length - 1)] as number;
    this.#parts.world.after(ms, () => {
      this.#paused = null;
      this.#look();
    });
  }
}
