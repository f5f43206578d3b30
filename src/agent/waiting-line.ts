import type { CancelSignal } from "../lib/cancel.ts";
import type { World } from "../lib/world.ts";
import { asPlatformError, type PlatformError } from "../model/error.ts";
import { Deadlines, type Timed } from "./deadlines.ts";
import type { AgentCall } from "./link.ts";

/** Who waits for a `T`: hears once, maybe before `wait` returns. */
export interface Taker<T> {
  served(outcome: T): void;
  failed(error: PlatformError): void;
}

/** Calls that wait, first come, first served. Each leaves when it is served, when its time is up, or when its caller goes away. */
export class WaitingLine<T> {
  readonly #world: World;
  readonly #noRoom: (waitedMs: number) => PlatformError | null;
  readonly #left: () => void;
  readonly #waiters: Waiter<T>[] = [];
  /** By how long the calls may wait, of which there are few kinds. */
  readonly #deadlines = new Map<number, Deadlines>();

  /** `noRoom` makes the error of one whose time is up, or null: it may wait as long again; `left` hears when one went away unserved. */
  constructor(world: World, noRoom: (waitedMs: number) => PlatformError | null, left: () => void) {
    this.#world = world;
    this.#noRoom = noRoom;
    this.#left = left;
  }

  get length(): number {
    return this.#waiters.length;
  }

  get first(): Waiter<T> | undefined {
    return this.#waiters[0];
  }

  /** The taker hears `noRoom` after `call.waitMsMax`, and the signal's reason. */
  wait(call: AgentCall, signal: CancelSignal, taker: Taker<T>): void {
    const now = this.#world.monotonic();
    const waiter = new Waiter(this, call, signal, taker, now);
    this.#waiters.push(waiter);
    this.#deadlinesOf(call.waitMsMax).add(waiter, now);
    signal.addEventListener("abort", waiter);
    if (signal.aborted) waiter.handleEvent();
  }

  /** Takes the one that waits longest, to be settled by the caller. */
  shift(): Waiter<T> | undefined {
    return this.#waiters.shift();
  }

  failAll(error: PlatformError): void {
    for (const waiter of this.#waiters.splice(0)) waiter.fail(error);
  }

  /** For those who wait: it has been settled. */
  settled(waiter: Waiter<T>): void {
    this.#deadlinesOf(waiter.call.waitMsMax).remove(waiter);
  }

  /** For those who wait: the time is up. */
  timeUp(waiter: Waiter<T>): void {
    const { waitMsMax } = waiter.call;
    const error = this.#noRoom(waitMsMax);
    if (error === null) this.#deadlinesOf(waitMsMax).add(waiter, this.#world.monotonic());
    else this.drop(waiter, error);
  }

  /** For those who wait: it goes away unserved. */
  drop(waiter: Waiter<T>, error: PlatformError): void {
    const at = this.#waiters.indexOf(waiter);
    if (at === -1) return;
    this.#waiters.splice(at, 1);
    waiter.fail(error);
    this.#left();
  }

  #deadlinesOf(waitMsMax: number): Deadlines {
    let deadlines = this.#deadlines.get(waitMsMax);
    if (deadlines === undefined) {
      deadlines = new Deadlines(this.#world, waitMsMax);
      this.#deadlines.set(waitMsMax, deadlines);
    }
    return deadlines;
  }
}

/** A call that waits. It is itself what the clock and the signal tell. */
class Waiter<T> implements Timed {
  readonly call: AgentCall;
  /** Monotonic ms. */
  readonly since: number;
  // Of the list of time limits.
  dueAt = 0;
  earlier: Timed | null = null;
  later: Timed | null = null;
  readonly #line: WaitingLine<T>;
  readonly #signal: CancelSignal;
  readonly #taker: Taker<T>;

  constructor(line: WaitingLine<T>, call: AgentCall, signal: CancelSignal, taker: Taker<T>, now: number) {
    this.#line = line;
    this.call = call;
    this.#signal = signal;
    this.#taker = taker;
    this.since = now;
  }

  serve(outcome: T): void {
    this.#settled();
    this.#taker.served(outcome);
  }

  fail(error: PlatformError): void {
    this.#settled();
    this.#taker.failed(error);
  }

  timeUp(): void {
    this.#line.timeUp(this);
  }

  handleEvent(): void {
    this.#line.drop(this, asPlatformError(this.#signal.reason));
  }

  #settled(): void {
    this.#signal.removeEventListener("abort", this);
    this.#line.settled(this);
  }
}
