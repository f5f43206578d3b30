import { Cancel, type CancelSignal } from "../lib/cancel.ts";
import { PlatformError } from "../model/error.ts";
import type { Definition } from "./definitions.ts";
import { identityOf } from "./outcome.ts";
import type { UnderwayCall } from "./invocation.ts";

/** A call that runs in this process. */
export class RunningCall {
  readonly id: string;
  readonly definition: Definition;
  readonly startedAt: number;
  readonly attempt: number;
  readonly #cancel = new Cancel();
  /** Resolves when the call is over and its record is queued to be written. */
  readonly over: Promise<unknown>;

  constructor(id: string, definition: Definition, startedAt: number, attempt: number, over: Promise<unknown>) {
    this.id = id;
    this.definition = definition;
    this.startedAt = startedAt;
    this.attempt = attempt;
    this.over = over;
  }

  /** Aborts when the call is to end, with a PlatformError as the reason. */
  get signal(): CancelSignal {
    return this.#cancel;
  }

  end(reason: unknown): void {
    this.#cancel.abort(reason);
  }

  get shown(): UnderwayCall {
    const { startedAt, attempt } = this;
    return { ...identityOf(this.definition, this.id), status: "running", attempt, startedAt };
  }
}

/** The calls that run in this process, to be looked at and ended. */
export class RunningCalls {
  readonly #byId = new Map<string, RunningCall>();

  add(call: RunningCall): void {
    this.#byId.set(call.id, call);
  }

  remove(id: string): void {
    this.#byId.delete(id);
  }

  find(namespace: string, id: string): RunningCall | undefined {
    const call = this.#byId.get(id);
    return call?.definition.fn.namespace === namespace ? call : undefined;
  }
}

/** Why a call ends that somebody does not want any more. */
export function unwanted(): PlatformError {
  return new PlatformError("cancelled", "The call was cancelled");
}
