/**
 * How long a function's sandboxes are kept without calls: policies, as pure functions of what they heard.
 *
 * Promises: a policy starts nothing and ends nothing, has no clock, and a bounded state; `fixed` never differs from the function's
 * idle timeout. Deliberately absent: sandboxes that are kept whatever happens (provision.ts), and who carries a plan out (keeper.ts).
 */
import type { KeepAliveName } from "../model/model.ts";
import { IdleTimes } from "./idle-times.ts";

/** What is to become of idle sandboxes, counted from the end of a function's last call. */
export interface KeepPlan {
  /** Each ends after so long without a call, in ms. */
  readonly eachMs: number;
  /** But the last one is kept so long. */
  readonly lastMs: number;
  /** When they have ended, one is made ready before the call that is expected, and kept until it is overdue. Null: none is. */
  readonly again: { readonly fromMs: number; readonly untilMs: number } | null;
}

/** One function's policy. Times are monotonic, in ms. */
export interface KeepAlive {
  /** When its last call ended; null: one runs, or none ever did. */
  readonly idleSince: number | null;
  begun(now: number, idleTimeoutMs: number): void;
  ended(now: number): void;
  plan(idleTimeoutMs: number): KeepPlan;
}

/** The policy that a function chose. */
export function keepAliveOf(name: KeepAliveName): KeepAlive {
  return name === "learned" ? new Learned() : fixedKeepAlive;
}

/** Every sandbox for the idle timeout. It remembers nothing, so that all functions share it and a call costs nothing. */
export const fixedKeepAlive: KeepAlive = {
  idleSince: null,
  begun() {},
  ended() {},
  plan: (idleTimeoutMs) => ({ eachMs: idleTimeoutMs, lastMs: idleTimeoutMs, again: null }),
};

/** Pauses that say something: fewer may be chance. */
const pausesMin = 5;
/** The parts of the pauses that are shorter than what is expected, and that are covered. */
const headPart = 0.05;
const tailPart = 0.95;
/** A call may be so much earlier or later than any that was seen. */
const margin = 0.1;
/** A part of the idle timeout for which a sandbox is kept whatever is expected: calls come in bursts. */
const gracePart = 1 / 3;
/** It is worth ending a sandbox and making it again when the pause is so many times the grace. */
const pauseMin = 3;
/** Idle timeouts of memory that a call that finds a sandbox is worth. */
const worth = 20;

/**
 * Learns from how long the function was without any call, as a histogram.
 *
 * Calls that come soon after the last one are served by what the *grace* keeps, and say nothing. Of the other pauses a low and a high
 * percentile are the *window* in which the next call is expected. Where it begins late, sandboxes end after the grace, and one is made
 * ready shortly before; else the last one is kept until it ends. Too few pauses, or a window over which
 * keeping a sandbox costs more than its call is worth: then it is as `fixed`.
 */
class Learned implements KeepAlive {
  idleSince: number | null = null;
  readonly #pauses = new IdleTimes();
  #running = 0;
  #planned: { readonly idleTimeoutMs: number; readonly plan: KeepPlan } | null = null;

  begun(now: number, idleTimeoutMs: number): void {
    this.#running++;
    if (this.idleSince === null) return;
    const idleMs = now - this.idleSince;
    this.idleSince = null;
    if (idleMs <= idleTimeoutMs * gracePart) return;
    this.#pauses.add(idleMs);
    this.#planned = null;
  }

  ended(now: number): void {
    this.#running--;
    if (this.#running === 0) this.idleSince = now;
  }

  plan(idleTimeoutMs: number): KeepPlan {
    if (this.#planned?.idleTimeoutMs !== idleTimeoutMs) {
      this.#planned = { idleTimeoutMs, plan: learnedPlan(this.#pauses, idleTimeoutMs) ?? fixedKeepAlive.plan(idleTimeoutMs) };
    }
    return this.#planned.plan;
  }
}

/** Null when nothing is to be learned. */
function learnedPlan(pauses: IdleTimes, idleTimeoutMs: number): KeepPlan | null {
  if (pauses.count < pausesMin) return null;
  const graceMs = idleTimeoutMs * gracePart;
  const fromMs = pauses.quantile(headPart).fromMs * (1 - margin);
  const untilMs = pauses.quantile(tailPart).toMs * (1 + margin);
  const endsBetween = fromMs >= graceMs * pauseMin;
  const keptMs = pauses.meanWithin(endsBetween ? fromMs : 0, untilMs);
  if (keptMs > idleTimeoutMs * worth) return null;
  if (endsBetween) return { eachMs: graceMs, lastMs: graceMs, again: { fromMs, untilMs } };
  return { eachMs: Math.min(idleTimeoutMs, untilMs), lastMs: untilMs, again: null };
}
