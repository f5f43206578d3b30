import type { CancelSignal } from "../lib/cancel.ts";
import type { World } from "../lib/world.ts";
import { asPlatformError, type PlatformError } from "../model/error.ts";
import type { AgentCall } from "./link.ts";

/** A call that waits for a `T`. */
interface Waiter<T> {
  readonly call: AgentCall;
  /** Monotonic ms. */
  readonly since: number;
  resolve(outcome: T): void;
  reject(error: PlatformError): void;
}

/** Calls that wait, first come, first served. Each leaves when it is served, when its time is up, or when its caller goes away. */
export class WaitingLine<T> {
  readonly #world: World;
  readonly #noRoom: (waitedMs: number) => PlatformError;
  readonly #left: () => void;
  readonly #waiters: Waiter<T>[] = [];

  /** `noRoom` makes the error of one whose time is up; `left` hears when one went away unserved. */
  constructor(world: World, noRoom: (waitedMs: number) => PlatformError, left: () => void) {
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

  /** Rejects with `noRoom` after `call.waitMsMax`, and with the signal's reason. */
  wait(call: AgentCall, signal: CancelSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const stopClock = this.#world.after(call.waitMsMax, () => this.#drop(waiter, this.#noRoom(call.waitMsMax)));
      const onAbort = () => this.#drop(waiter, asPlatformError(signal.reason));
      const settled = () => {
        stopClock();
        signal.removeEventListener("abort", onAbort);
      };
      const waiter: Waiter<T> = {
        call,
        since: this.#world.monotonic(),
        resolve(outcome) {
          settled();
          resolve(outcome);
        },
        reject(error) {
          settled();
          reject(error);
        },
      };
      this.#waiters.push(waiter);
      signal.addEventListener("abort", onAbort);
      if (signal.aborted) onAbort();
    });
  }

  /** Takes the one that waits longest, to be settled by the caller. */
  shift(): Waiter<T> | undefined {
    return this.#waiters.shift();
  }

  failAll(error: PlatformError): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }

  #drop(waiter: Waiter<T>, error: PlatformError): void {
    const at = this.#waiters.indexOf(waiter);
    if (at === -1) return;
    this.#waiters.splice(at, 1);
    waiter.reject(error);
    this.#left();
  }
}
