/**
 * Counts what is used, and refuses what is over quota.
 *
 * Promises: at most so many calls of a namespace are on their way at once, and so many calls and events begin within a minute, as its limits
 * allow, and of a function as it has a number of its own; one more gets `throttled` with the limit's name, what was counted and what is allowed. A limit of zero lets nothing through. Deliberately
 * absent: who calls (auth/), waiting for room (agent/), money, and where limits are kept (store/).
 */
import type { NamespaceLimits } from "../model/model.ts";

/** What namespaces may have that were given nothing else. */
export interface MeteringConfig {
  /** Calls of one namespace that may be on their way at once, waiting ones included. (Default: 10000) */
  readonly namespaceCallsMax: number;
  /** Calls of one namespace that may begin within a minute. (Default: 10000000) */
  readonly namespaceCallsPerMinuteMax: number;
  /** Events of one namespace that may be fired within a minute. (Default: 10000000) */
  readonly namespaceFiresPerMinuteMax: number;
}

/** What applies to namespaces, to be looked at and changed. */
export interface NamespaceQuotas {
  /** What those have that were given nothing. */
  readonly usual: NamespaceLimits;
  /** What a namespace may have. */
  limitsOf(namespace: string): NamespaceLimits;
  /** What of it the namespace was given, and is not as for all. */
  givenTo(namespace: string): Partial<NamespaceLimits>;
  /** From now on the namespace has these; what they leave out is as for all. */
  limit(namespace: string, given: Partial<NamespaceLimits>): void;
}
