import type { CancelSignal } from "../lib/cancel.ts";
import type { App, Fn, StartType } from "../model/model.ts";
import type { PlatformError } from "../model/error.ts";
import type { FunctionRequest } from "../protocol/protocol.ts";
import type { Deadlines } from "../lib/deadlines.ts";
import type { Evictable } from "./evictor.ts";
import { FreshPool } from "./fresh-pool.ts";
import type { Instance } from "./instance.ts";
import type { AgentCall } from "./link.ts";
import { SharedPool } from "./shared-pool.ts";
import type { ProvisionCounts } from "./provisions.ts";
import type { PoolParts } from "./stock.ts";
import type { Taker } from "./waiting-line.ts";

/** The right to run one call in one sandbox. */
export interface Slot {
  readonly instance: Instance;
  readonly start: StartType;
}

/** The sandboxes of one revision of one function, and the calls that wait for one. */
export interface Pool {
  readonly fn: Fn;
  /** Of the calls that run. */
  readonly deadlines: Deadlines;
  /** Every sandbox that starts or lives. */
  readonly starting: number;
  readonly live: Iterable<Instance>;
  readonly waiting: number;
  /** Since when the first of them waits, monotonic ms; undefined when nobody does. */
  readonly waitingSince: number | undefined;
  /** Somebody waits for the answer of one of them. */
  readonly urgent: boolean;
  /** A free slot at once, or undefined: then `wait`. */
  tryTake(call: AgentCall): Slot | undefined;
  /**
   * A slot as soon as there is one: `taker` gets it in the very turn in which a call before has ended. It fails with the reason of a start
   * that failed when nothing else is left to wait for, with `overloaded` after `call.waitMsMax`, and with the signal's reason. `request`
   * makes the request where a start needs it.
   */
  wait(call: AgentCall, request: () => FunctionRequest, signal: CancelSignal, taker: Taker<Slot>): void;
  /** Gives a slot back. `now`: monotonic ms. */
  release(instance: Instance, runMs: number, now: number): void;
  /** Keeps so many sandboxes ready from now on; nothing where each call has one of its own, and in a retired pool. */
  provision(count: number): void;
  readonly provisioned: ProvisionCounts;
  /** Makes a first sandbox ready ahead of calls, where that is possible and there is none. */
  prepare(): void;
  /** Ends idle sandboxes now and the others after their call; those who wait are still served. */
  retire(): void;
  /** What can be evicted. */
  idle(): Iterable<Evictable>;
  /** Tries to start what is wanted; called when memory got free, too. */
  grow(): void;
  /** Memory was measured: an idle one counts with it. */
  measured(instance: Instance): void;
  /** Fails everybody who waits and stops everything. */
  close(reason: PlatformError): Promise<void>;
}

/** `empty` is called when a retired pool has nothing left; `retired`: it is one from the beginning. */
export function createPool(fn: Fn, app: App | null, parts: PoolParts, retired: boolean, empty: () => void): Pool {
  const { once } = parts.starter.protocolOf(fn);
  const pool = once || fn.isolation === "fresh" ? FreshPool : SharedPool;
  return new pool(fn, app, parts, retired, empty);
}
