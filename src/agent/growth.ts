/**
 * How many sandboxes to start now. A pure function, so that the policy can be read and tested as a table.
 *
 * The idea: a waiting call is served either by a sandbox that gets free or by a new one; a new one is worth its start only when
 * the queue would take longer to drain than a start takes. While it is not known how long a call runs, sandboxes are
 * doubled after each `growAfterMs` in which nothing finished.
 */
export interface Demand {
  /** Calls without a slot. */
  readonly waiting: number;
  /** Of those, the ones for whose answer somebody waits. */
  readonly urgent: number;
  /** Sandboxes that are being started, and that have started. */
  readonly starting: number;
  readonly live: number;
  /** Calls one sandbox runs at a time. */
  readonly concurrency: number;
  readonly sandboxesMax: number;
  /** Mean duration of this function's calls in ms, if one has ended. */
  readonly runMs: number | undefined;
  /** What a start takes in ms: the last ones' mean, or a guess. */
  readonly startMs: number;
  /** Since the queue last moved (a call ended or a sandbox got ready), in ms. */
  readonly stalledMs: number;
  /** The machine's processors are busy, and there are as many sandboxes as could make use of them. */
  readonly cpuBound: boolean;
}

/** Sandboxes that are started for the first callers without asking how long they run: at most one for each, and one for a backlog. */
const firstStarts = 2;
const growAfterMs = 50;
const standsStillMs = 1000;

/**
 * Sandboxes for each processor that a function gets whatever else runs: enough for code that mostly waits. More of them on busy
 * processors make each call slower and take their start from everybody.
 */
export const sandboxesPerProcessor = 8;

/** How many to start at once; 0 or more. */
export function sandboxesToStart(demand: Demand): number {
  const { waiting, starting, live, concurrency, sandboxesMax } = demand;
  const room = sandboxesMax - live - starting;
  const unserved = Math.ceil(waiting / concurrency) - starting;
  if (room <= 0 || unserved <= 0) return 0;
  // Calls that wait for other calls of the same function end only when those run: a queue that stands still gets one all the same.
  const most = demand.cpuBound ? Number(demand.stalledMs >= standsStillMs) : room;
  return Math.min(most, unserved, wanted(demand));
}

function wanted(demand: Demand): number {
  const { starting, live, urgent } = demand;
  const known = live + starting;
  const first = live > 0 && urgent > 0 ? firstStarts : Math.max(1, Math.min(firstStarts, urgent));
  if (known < first) return first - known;
  if (live === 0) return 0;
  if (demand.runMs !== undefined) {
    const backlogMs = (demand.waiting * demand.runMs) / demand.concurrency;
    const useful = Math.ceil(backlogMs / Math.max(demand.startMs, 1)) - known;
    const byBacklog = Math.min(useful, Math.max(firstStarts, live) - starting);
    if (byBacklog > 0) return byBacklog;
  }
  const stalled = starting === 0 && demand.stalledMs >= growAfterMs;
  return stalled ? live : 0;
}
