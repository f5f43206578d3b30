import type { CancelSignal } from "../lib/cancel.ts";
import type { World } from "../lib/world.ts";
import { asPlatformError, type PlatformError } from "../model/error.ts";
import { Deadlines, type Timed } from "../lib/deadlines.ts";
import type { AgentCall } from "./link.ts";
import { Precedence } from "./precedence.ts";

/** Who waits for a `T`: hears once, maybe before `wait` returns. */
export interface Taker<T> {
  served(outcome: T): void;
  failed(error: PlatformError): void;
}

/**
 * Calls that wait, first come, first served, those before the rest for whose answer somebody waits. Each leaves when it is served, when its
 * time is up, or when its caller goes away.
 */
export class WaitingLine<T> {
  readonly #world: World;
  readonly #noRoom: (waitedMs: number) => PlatformError | null;
  readonly #left: () => void;
  /** For whose answer somebody waits, and the others. */
  readonly #urgent: Waiter<T>[] = [];
  readonly #background: Waiter<T>[] = [];
  readonly #precedence = new Precedence();
  /** By how long the calls may wait, of which there are few kinds. */
  readonly #deadlines = new Map<number, Deadlines>();

  /** `noRoom` makes the error of one whose time is up, or null: it may wait as long again; `left` hears when one went away unserved. */
  constructor(world: World, noRoom: (waitedMs: number) => PlatformError | null, left: () => void) {
    this.#world = world;
    this.#noRoom = noRoom;
    this.#left = left;
  }

  get length(): number {
    return this.#urgent.length + this.#background.length;
  }

  /** Who is the next, but for those whose turn it is because others went first. */
  get first(): Waiter<T> | undefined {
    return this.#urgent[0] ?? this.#background[0];
  }

  /** Those for whose answer somebody waits. */
  get urgent(): number {
    return this.#urgent.length;
  }

  /** Since when the one waits that waits longest, monotonic ms; undefined when nobody does. */
  get since(): number | undefined {
    const [urgent, background] = [this.#urgent[0]?.since, this.#background[0]?.since];
    return urgent === undefined || background === undefined ? (urgent ?? background) : Math.min(urgent, background);
  }

  /** The taker hears `noRoom` after `call.waitMsMax`, and the signal's reason. */
  wait(call: AgentCall, signal: CancelSignal, taker: Taker<T>): void {
    const now = this.#world.monotonic();
    const waiter = new Waiter(this, call, signal, taker, now);
    this.#lineOf(waiter).push(waiter);
    this.#deadlinesOf(call.waitMsMax).add(waiter, now);
    signal.addEventListener("abort", waiter);
    if (signal.aborted) waiter.handleEvent();
  }

  /** Takes the next, to be settled by the caller. */
  shift(): Waiter<T> | undefined {
    const next = this.#precedence.next(this.#urgent[0], this.#background[0]);
    return next === undefined ? undefined : this.#lineOf(next).shift();
  }

  failAll(error: PlatformError): void {
    for (const waiter of [...this.#urgent.splice(0), ...this.#background.splice(0)]) waiter.fail(error);
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
    const line = this.#lineOf(waiter);
    const at = line.indexOf(waiter);
    if (at === -1) return;
    line.splice(at, 1);
    waiter.fail(error);
    this.#left();
  }

  #lineOf({ call }: Waiter<T>): Waiter<T>[] {
    return call.background === true ? this.#background : this.#urgent;
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
