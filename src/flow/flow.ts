/**
 * Runs calls that consist of other calls: sequences, and what conductors say step by step.
 *
 * Promises: each step is a call through invocation/ like any other, with a record of its own that names its cause; steps run one at a time, and
 * none begins before the one before is over; a function is looked up when its step begins; whatever happens the call ends, and what ended it says
 * how; a cancelled call cancels its step. Deliberately absent: anything on the disk (a call that its server outlived is ended by the queue, and never
 * run again from its middle), code (a conductor's own is one more call), dialects.
 */
import type { Flows, FunctionReference, Invoker } from "../invocation/invocation.ts";
import type { Definition } from "../invocation/definitions.ts";
import type { World } from "../lib/world.ts";
import { compositionOf } from "../model/composition.ts";
import type { Activation, Fn } from "../model/model.ts";
import { ConductorRun } from "./conductor.ts";
import { SequenceRun } from "./sequence.ts";

/** What the room is given. */
export interface FlowParts {
  readonly world: Pick<World, "now">;
  readonly invoker: Pick<Invoker, "begin">;
  /** What a call would run. Throws or rejects with `not_found` or `forbidden`, or where it is not to be called, which ends the whole call. */
  definition(namespace: string, target: FunctionReference): Definition | Promise<Definition>;
  /** What a conductor is told of a step that gave no answer. */
  failureText(error: NonNullable<Activation["error"]>, fn: Fn | null): string;
}

/** Puts the room together. */
export function createFlows(parts: FlowParts): Flows {
  return {
    run(call, signal) {
      const Run = compositionOf(call.fn) === "sequence" ? SequenceRun : ConductorRun;
      new Run(parts, call, signal).begin();
    },
  };
}
