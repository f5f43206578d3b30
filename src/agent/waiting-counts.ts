import { PlatformError } from "../model/error.ts";
import type { Fn } from "../model/model.ts";

export interface WaitingLimits {
  readonly functionWaitingMax: number;
  readonly namespaceWaitingMax: number;
}

/** Counts the calls that wait for a sandbox, by function and by namespace, whatever their revision. */
export class WaitingCounts {
  readonly #limits: WaitingLimits;
  readonly #functions = new Map<string, number>();
  readonly #namespaces = new Map<string, number>();
  /** By function or namespace that is full. Making an error costs half of a refusal, and under a flood all are the same. */
  readonly #refusals = new Map<string, PlatformError>();

  constructor(limits: WaitingLimits) {
    this.#limits = limits;
  }

  /** Why one more would be too many; null: it is not. */
  refusal({ id, name, namespace }: Fn): PlatformError | null {
    const { functionWaitingMax, namespaceWaitingMax } = this.#limits;
    if ((this.#functions.get(id) ?? 0) >= functionWaitingMax)
      return this.#known(id, () => functionFull(name, functionWaitingMax));
    if ((this.#namespaces.get(namespace) ?? 0) >= namespaceWaitingMax)
      return this.#known(`namespace ${namespace}`, () => namespaceFull(namespace, namespaceWaitingMax));
    return null;
  }

  /** Each one in needs one `leave`. */
  enter({ id, namespace }: Fn): void {
    add(this.#functions, id, 1);
    add(this.#namespaces, namespace, 1);
  }

  leave({ id, namespace }: Fn): void {
    add(this.#functions, id, -1);
    add(this.#namespaces, namespace, -1);
    if (this.#refusals.size > 0) this.#refusals.clear();
  }

  #known(key: string, make: () => PlatformError): PlatformError {
    const known = this.#refusals.get(key) ?? make();
    this.#refusals.set(key, known);
    return known;
  }
}

function add(counts: Map<string, number>, key: string, difference: number): void {
  const count = (counts.get(key) ?? 0) + difference;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

function functionFull(name: string, max: number): PlatformError {
  const message = `${max} calls of function ${name} wait for a sandbox already; try again when some have ended`;
  return tooMany("overloaded", message, "functionWaitingMax", max);
}

function namespaceFull(namespace: string, max: number): PlatformError {
  const message = `Too many requests: ${max} calls of namespace ${namespace} wait for a sandbox already; try again when some have ended`;
  return tooMany("throttled", message, "namespaceWaitingMax", max);
}

function tooMany(code: "overloaded" | "throttled", message: string, limit: string, max: number): PlatformError {
  return new PlatformError(code, message, { details: { limit, max, retryAfterS: 1 } });
}
