import { Cancel } from "../lib/cancel.ts";
import { PlatformError } from "../model/error.ts";
import type { Definition } from "./definitions.ts";
import { identityOf } from "./outcome.ts";
import type { UnderwayCall } from "./invocation.ts";

/** A call that runs in this process. It is its own signal: aborted when it is to end, with a PlatformError as the reason. */
export abstract class RunningCall extends Cancel {
  readonly id: string;
  readonly definition: Definition;
  readonly startedAt: number;
  readonly attempt: number;
  // Of the list of running calls.
  before: RunningCall | null = null;
  after: RunningCall | null = null;

  constructor(id: string, definition: Definition, startedAt: number, attempt: number) {
    super();
    this.id = id;
    this.definition = definition;
    this.startedAt = startedAt;
    this.attempt = attempt;
  }

  /** Resolves when the call is over and its record is queued to be written. */
  abstract get over(): Promise<unknown>;

  get shown(): UnderwayCall {
    const { startedAt, attempt } = this;
    return { ...identityOf(this.definition, this.id), status: "running", attempt, startedAt, dueAt: null };
  }
}

/** The calls that run in this process, to be looked at and ended. A list, because one is looked for rarely and each comes and goes. */
export class RunningCalls {
  #newest: RunningCall | null = null;

  add(call: RunningCall): void {
    call.before = this.#newest;
    if (this.#newest !== null) this.#newest.after = call;
    this.#newest = call;
  }

  remove(call: RunningCall): void {
    const { before, after } = call;
    if (after !== null) after.before = before;
    else if (this.#newest === call) this.#newest = before;
    if (before !== null) before.after = after;
    call.before = null;
    call.after = null;
  }

  /** Those of one function. */
  of(namespace: string, functionId: string): RunningCall[] {
    const found: RunningCall[] = [];
    for (let call = this.#newest; call !== null; call = call.before) {
      const { fn } = call.definition;
      if (fn.id === functionId && fn.namespace === namespace) found.push(call);
    }
    return found;
  }

  find(namespace: string, id: string): RunningCall | undefined {
    for (let call = this.#newest; call !== null; call = call.before) {
      if (call.id === id) return call.definition.fn.namespace === namespace ? call : undefined;
    }
    return undefined;
  }
}

/** Why a call ends that somebody does not want any more. */
export function unwanted(): PlatformError {
  return new PlatformError("cancelled", "The call was cancelled");
}
