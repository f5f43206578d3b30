import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { NamespaceLimits } from "../model/model.ts";
import type { MeteringConfig, NamespaceQuotas } from "./metering.ts";
import { Minute } from "./minute.ts";
import { ReservedCalls } from "./reserved-calls.ts";

/** Of one namespace. */
interface Account {
  given: Partial<NamespaceLimits>;
  limits: NamespaceLimits;
  /** On their way. */
  calls: number;
  readonly begun: Minute;
  readonly fired: Minute;
}

const nothing = {};

/** Counts what namespaces do. An account stays once it was opened: there are as many as namespaces that were called. */
export class Admission implements NamespaceQuotas {
  readonly usual: NamespaceLimits;
  /** Numbers that some functions have of their own. */
  readonly reserved = new ReservedCalls();
  readonly #world: Pick<World, "monotonic">;
  readonly #accounts = new Map<string, Account>();

  constructor(config: MeteringConfig, world: Pick<World, "monotonic">) {
    const { namespaceCallsMax, namespaceCallsPerMinuteMax, namespaceFiresPerMinuteMax } = config;
    this.#world = world;
    this.usual = {
      callsMax: namespaceCallsMax,
      callsPerMinuteMax: namespaceCallsPerMinuteMax,
      firesPerMinuteMax: namespaceFiresPerMinuteMax,
    };
  }

  /** Counts a call in, or throws `throttled`. Each one in needs one `leave`. */
  enter(namespace: string): void {
    const account = this.#accountOf(namespace);
    const { callsMax, callsPerMinuteMax } = account.limits;
    const nowMs = this.#world.monotonic();
    const count = account.begun.add(nowMs);
    if (count > callsPerMinuteMax)
      throw tooOften("calls", "namespaceCallsPerMinuteMax", namespace, count, callsPerMinuteMax, account.begun.leftS(nowMs));
    if (account.calls >= callsMax) throw tooMany(namespace, callsMax);
    account.calls++;
  }

  leave(namespace: string): void {
    this.#accountOf(namespace).calls--;
  }

  /** Counts an event that is fired, or throws `throttled`. The calls that follow from it are counted by `enter`. */
  fire(namespace: string): void {
    const account = this.#accountOf(namespace);
    const { firesPerMinuteMax } = account.limits;
    const nowMs = this.#world.monotonic();
    const count = account.fired.add(nowMs);
    if (count > firesPerMinuteMax)
      throw tooOften("events", "namespaceFiresPerMinuteMax", namespace, count, firesPerMinuteMax, account.fired.leftS(nowMs));
  }

  limitsOf(namespace: string): NamespaceLimits {
    return this.#accounts.get(namespace)?.limits ?? this.usual;
  }

  givenTo(namespace: string): Partial<NamespaceLimits> {
    return this.#accounts.get(namespace)?.given ?? nothing;
  }

  limit(namespace: string, given: Partial<NamespaceLimits>): void {
    const account = this.#accountOf(namespace);
    account.given = given;
    account.limits = { ...this.usual, ...given };
  }

  #accountOf(namespace: string): Account {
    const found = this.#accounts.get(namespace);
    if (found !== undefined) return found;
    const opened = { given: nothing, limits: this.usual, calls: 0, begun: new Minute(), fired: new Minute() };
    this.#accounts.set(namespace, opened);
    return opened;
  }
}

function tooMany(namespace: string, callsMax: number): PlatformError {
  return new PlatformError(
    "throttled",
    `Too many requests: namespace ${namespace} already has ${callsMax} calls on their way; try again when some have ended`,
    { details: { limit: "namespaceCallsMax", count: callsMax + 1, max: callsMax, retryAfterS: 1 } },
  );
}

function tooOften(
  what: "calls" | "events",
  limit: string,
  namespace: string,
  count: number,
  max: number,
  retryAfterS: number,
): PlatformError {
  return new PlatformError(
    "throttled",
    `Too many requests: namespace ${namespace} may begin ${max} ${what} within a minute, and this would be number ${count}; try again in ${retryAfterS} s`,
    { details: { limit, count, max, retryAfterS } },
  );
}
