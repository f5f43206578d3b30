/**
 * Counts what is used, and refuses what is over quota.
 *
 * Promises: at most `namespaceCallsMax` calls of a namespace are on their way at once; the one more gets `throttled` with the
 * limit's name. Deliberately absent: who calls (auth/), waiting for room (agent/), money.
 */
export interface MeteringConfig {
  /** Calls of one namespace that may be on their way at once, waiting ones included. (Default: 10000) */
  readonly namespaceCallsMax: number;
}
