import { PlatformError } from "../model/error.ts";
import type { MeteringConfig } from "./metering.ts";

/** Counts the calls of each namespace that are on their way. */
export class Admission {
  readonly #config: MeteringConfig;
  readonly #calls = new Map<string, number>();

  constructor(config: MeteringConfig) {
    this.#config = config;
  }

  /** Counts a call in, or throws `throttled`. Each one in needs one `leave`. */
  enter(namespace: string): void {
    const calls = this.#calls.get(namespace) ?? 0;
    if (calls >= this.#config.namespaceCallsMax) throw tooMany(namespace, this.#config.namespaceCallsMax);
    this.#calls.set(namespace, calls + 1);
  }

  leave(namespace: string): void {
    const calls = (this.#calls.get(namespace) ?? 1) - 1;
    if (calls === 0) this.#calls.delete(namespace);
    else this.#calls.set(namespace, calls);
  }
}

function tooMany(namespace: string, callsMax: number): PlatformError {
  return new PlatformError(
    "throttled",
    `Too many requests: namespace ${namespace} already has ${callsMax} calls on their way; try again when some have ended`,
    { details: { limit: "namespaceCallsMax", max: callsMax, retryAfterS: 1 } },
  );
}
