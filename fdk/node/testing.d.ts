/** Calls handlers in process, as the platform does: events, answers, logs and errors go through the runtime that serves them there. */
import type { CallbackHandler, Handler, HttpRequest } from "./index.js";

export interface InvokeOptions {
  readonly callId?: string;
  readonly functionName?: string;
  readonly appName?: string | null;
  readonly namespace?: string;
  readonly revision?: number;
  /** What `context.config` has besides the environment. */
  readonly config?: Readonly<Record<string, string>>;
  /** Of the request. With a `content-type`, text is sent as it is rather than as JSON. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The request behind a route. */
  readonly http?: HttpRequest | null;
  /** How long the call may take; 30,000 by default. */
  readonly deadlineMs?: number;
  /** Aborts when the caller goes away. */
  readonly signal?: AbortSignal;
  /** A clock of the test. */
  readonly clock?: Clock;
}

export interface LogLine {
  readonly stream: "stdout" | "stderr";
  readonly text: string;
}

export interface Invocation<Out = unknown> {
  /** Of the answer; null when the call failed. */
  readonly status: number | null;
  /** Of the answer, by name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** The body as its reader has it: JSON as value, text as text, anything else as bytes, nothing as undefined. */
  readonly result: Out | undefined;
  /** What was printed and logged. */
  readonly logs: readonly LogLine[];
  /** What the code threw, or `timeout`. */
  readonly error: { readonly type: string; readonly message: string; readonly stack: string | null } | null;
}

/** Calls a handler and resolves with what the caller and the log would see of it. Never rejects because of the handler. */
export declare function invoke<In, Out>(
  handler: Handler<In, Out> | CallbackHandler<In, Out>,
  event?: NoInfer<In>,
  options?: InvokeOptions,
): Promise<Invocation<Out>>;

/** A clock that stands still until it is told; for `deadline`, `remainingMs()` and `signal`. */
export declare class Clock {
  /** `now`: milliseconds since the epoch. */
  constructor(now?: number);
  readonly now: () => number;
  /** Runs something when `advance` has come so far; gives what stops it. */
  readonly after: (ms: number, run: () => void) => () => void;
  /** Lets time pass: what falls due runs in its order, and what it wakes gets its turn. */
  advance(ms: number): Promise<void>;
}
