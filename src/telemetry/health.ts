import { PlatformError } from "../model/error.ts";
import type { Clock, HealthCheck } from "./telemetry.ts";

/** Answers are good for so long: whoever asks every 10 ms must not make the disk work for it. */
const keptMs = 1000;

/** A check that takes longer is a finding itself. */
const lookMsMax = 3000;

/** Whether the platform can serve, and what keeps it from it. */
export interface Readiness {
  readonly ready: boolean;
  readonly checks: readonly CheckResult[];
}

export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  /** What is wrong and what to do; null when all is well. */
  readonly cause: string | null;
}

/** The checks of a process. */
export class Health {
  readonly #clock: Clock;
  readonly #checks: HealthCheck[] = [];
  #last: { readonly at: number; readonly result: Promise<Readiness> } | undefined;
  #draining = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(check: HealthCheck): void {
    this.#checks.push(check);
  }

  /** The server stops: from now on it is not ready. */
  drain(): void {
    this.#draining = true;
    this.#last = undefined;
  }

  ready(): Promise<Readiness> {
    const now = this.#clock.now();
    // A clock that steps back must not keep an old answer for ever.
    if (this.#last === undefined || now >= this.#last.at + keptMs || now < this.#last.at) {
      this.#last = { at: now, result: this.#look() };
    }
    return this.#last.result;
  }

  async #look(): Promise<Readiness> {
    const checks = await Promise.all(this.#checks.map((check) => this.#one(check)));
    const draining = this.#draining ? "The server is stopping" : null;
    checks.push({ name: "accepting", ok: draining === null, cause: draining });
    return { ready: checks.every(({ ok }) => ok), checks };
  }

  async #one({ name, look }: HealthCheck): Promise<CheckResult> {
    const late = Promise.withResolvers<string>();
    const stopClock = this.#clock.after(lookMsMax, () => late.resolve(`No answer within ${lookMsMax} ms`));
    const cause = await Promise.race([look().catch(sentence), late.promise]);
    stopClock();
    return { name, ok: cause === null, cause };
  }
}

/** Messages of our own errors are safe to show; others could quote anything. */
function sentence(error: unknown): string {
  return error instanceof PlatformError ? error.message : "The check failed; the server's log says why";
}
