/**
 * Takes a call from request to activation; everything that invokes comes through here.
 *
 * Promises: each call that was admitted leaves exactly one activation record, whatever happened; a caller who is told of a
 * timeout reads it after the code was killed; nothing on this path waits for the store when the definition is cached.
 * Deliberately absent: dialects (api/), where code runs (scheduler/, agent/), retries.
 */
import type { Caller } from "../auth/auth.ts";
import type { BodySource } from "../lib/body.ts";
import type { PlatformError } from "../model/error.ts";
import type { Activation, Fn } from "../model/model.ts";
import type { HttpOrigin } from "../protocol/protocol.ts";

/** The door's view of the invocation path. */
export interface Invoker {
  /**
   * Runs a call. Never rejects: a failure is an `InvokeResult` with `error`. `recorded` resolves with the record once the call
   * is over and its record is queued to be written.
   */
  invoke(request: InvokeRequest, signal: AbortSignal): Promise<InvokeResult>;
}

export interface InvokeRequest {
  readonly caller: Caller;
  readonly namespace: string;
  readonly target: FunctionReference;
  readonly headers: readonly string[];
  readonly http: HttpOrigin | null;
  readonly body: BodySource;
}

/** How a door names a function. */
export type FunctionReference =
  | { readonly by: "id"; readonly functionId: string }
  | { readonly by: "name"; readonly app: string | null; readonly name: string }
  | { readonly by: "route"; readonly app: string; readonly source: string };

/** Either an answer of the function or an error; the activation's id as soon as there is one. */
export type InvokeResult =
  | {
      readonly ok: true;
      readonly activationId: string;
      readonly fn: Fn;
      readonly status: number;
      readonly headers: readonly string[];
      readonly body: BodySource;
      readonly recorded: Promise<Activation>;
    }
  | {
      readonly ok: false;
      readonly activationId: string | null;
      readonly fn: Fn | null;
      readonly error: PlatformError;
      readonly recorded: Promise<Activation> | null;
    };
