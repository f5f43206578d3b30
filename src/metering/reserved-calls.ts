import { PlatformError } from "../model/error.ts";
import type { Fn } from "../model/model.ts";

/** Of one function. */
interface Account {
  readonly namespace: string;
  max: number;
  /** On their way, of those that came since it has a number. */
  calls: number;
}

/** Ends the part that a call has of its function's number. */
export type Leave = () => void;

/** Functions that may have so many calls on their way at once, and no more. Nothing is counted of the others. */
export class ReservedCalls {
  readonly #accounts = new Map<string, Account>();

  /** `callsMax` null: any number. */
  set({ id, namespace }: Pick<Fn, "id" | "namespace">, callsMax: number | null): void {
    const account = this.#accounts.get(id);
    if (callsMax === null) this.#accounts.delete(id);
    else if (account === undefined) this.#accounts.set(id, { namespace, max: callsMax, calls: 0 });
    else account.max = callsMax;
  }

  /** Counts a call in, which is to leave once, or throws `throttled`; null: there is nothing to leave. */
  enter({ id, name }: Pick<Fn, "id" | "name">): Leave | null {
    if (this.#accounts.size === 0) return null;
    const account = this.#accounts.get(id);
    if (account === undefined) return null;
    if (account.calls >= account.max) throw tooMany(name, account.max);
    account.calls++;
    return () => {
      account.calls--;
    };
  }

  /** The numbers of a namespace's functions together. */
  sumOf(namespace: string): number {
    let sum = 0;
    for (const account of this.#accounts.values()) if (account.namespace === namespace) sum += account.max;
    return sum;
  }
}

/** Whether a function takes no calls at all. */
export function takesNone({ details }: PlatformError): boolean {
  return details["limit"] === limit && details["max"] === 0;
}

const limit = "functionCallsMax";

function tooMany(name: string, max: number): PlatformError {
  const why = max === 0 ? "takes no calls now" : `already has ${max} calls on their way, and no more are taken at once`;
  const fix = max === 0 ? "its reserved concurrency is 0" : "try again when some have ended";
  const details = { limit, count: max + 1, max, retryAfterS: 1 };
  return new PlatformError("throttled", `Too many requests: function ${name} ${why}; ${fix}`, { details });
}
