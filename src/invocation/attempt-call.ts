import type { AgentReport } from "../agent/link.ts";
import type { BodySource } from "../lib/body.ts";
import type { PlatformError } from "../model/error.ts";
import type { CallResult } from "../store/store.ts";
import { keptAnswer } from "./answer.ts";
import { DispatchedCall } from "./dispatch.ts";

/** The call of one attempt. */
export class AttemptCall extends DispatchedCall {
  readonly background = true;
  readonly #answer = Promise.withResolvers<CallResult>();
  readonly #report = Promise.withResolvers<AgentReport>();

  /** What is kept of the answer; rejects with the failure. */
  get kept(): Promise<CallResult> {
    return this.#answer.promise;
  }

  get over(): Promise<AgentReport> {
    return this.#report.promise;
  }

  answered(status: number, headers: readonly string[], body: BodySource): void {
    this.#answer.resolve(keptAnswer({ status, headers, body }));
  }

  failed(error: PlatformError): void {
    this.#answer.reject(error);
  }

  protected override ended(report: AgentReport): void {
    this.#report.resolve(report);
  }
}
