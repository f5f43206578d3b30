/**
 * Sends events of triggers to the functions of their rules.
 *
 * Promises: `fire` resolves only when the calls of all active rules are as durable as the queue makes them, all in one step, and the record of the event
 * is written, which is never there without them; each of these calls then runs or ends visibly, as any asynchronous one; a rule whose call is refused, or
 * which is not active, is said so in the log of that record; what an event says reaches functions byte for byte, unless there is something to put under the members of a JSON object.
 * Deliberately absent: where events come from, how doors show them, rights to triggers of other namespaces: there are none.
 */
import type { Caller } from "../auth/auth.ts";
import type { FunctionName } from "../model/function-name.ts";

export interface Events {
  /**
   * Throws `not_found` with `details.what` "trigger"; `throttled` for too many in a minute; `too_large`; `overloaded` where it could not be written, and
   * nothing was sent.
   */
  fire(event: Event): Promise<Fired>;
  /** Triggers or rules of this namespace were created, changed or removed, and the store has taken it. */
  changed(namespace: string): void;
}

/** What a trigger is fired with. */
export interface Event {
  readonly caller: Caller;
  readonly namespace: string;
  /** The trigger's name. */
  readonly trigger: string;
  /** What functions see, names and values by turns. */
  readonly headers: readonly string[];
  readonly body: Buffer;
  /** What the body says, where somebody has read it already: an object. */
  readonly members?: object | undefined;
  /**
   * For an event that is a JSON object, or nothing: members under its own, over the trigger's parameters. Absent: nothing to say, and nothing is no object.
   */
  readonly context?: Readonly<Record<string, unknown>>;
}

export interface Fired {
  /** Of the event's record; null: no rule is active, so nothing was done and there is none. */
  readonly activationId: string | null;
}

/** What became of one rule, as the log of an event's record has it: one line each, as JSON. */
export interface RuleOutcome {
  /** The rule's name. */
  readonly rule: string;
  readonly target: FunctionName;
  /** Of the call; null: there is none, because the rule is not active or the call was refused. */
  readonly activationId: string | null;
  /** Why the call was refused; null: it was not, or the rule is not active. */
  readonly error: { readonly code: string; readonly message: string; readonly details: Readonly<Record<string, unknown>> } | null;
}

/** Bytes of an event. */
export const eventBytesMax = 1024 * 1024;
