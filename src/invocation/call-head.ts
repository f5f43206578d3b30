/** What an asynchronous call is besides its body, as the JSON text that the queue keeps. */
import type { HttpOrigin } from "../protocol/protocol.ts";
import type { EventHead } from "./caused-by.ts";
import type { Definition } from "./definitions.ts";
import type { CallIdentity, FunctionReference } from "./invocation.ts";
import { identityOf, shareOf } from "./outcome.ts";

/** Calls that call each other through destinations end after so many. */
export const chainMax = 16;

export interface CallHead extends Omit<CallIdentity, "id" | "namespace" | "functionId"> {
  /** Of this text. */
  readonly version: 1;
  readonly headers: readonly string[];
  readonly http: HttpOrigin | null;
  /** When it was accepted. */
  readonly startedAt: number;
  /** The revision that its caller named; null: the function's traffic decides when it runs. */
  readonly pinned: number | null;
  /** What it follows from, if it is the first call that does. */
  readonly event?: EventHead | undefined;
  /** How many calls before caused this one through their destinations. */
  readonly chain: number;
}

export function callHead(
  definition: Definition,
  call: Pick<CallHead, "headers" | "http" | "startedAt" | "pinned" | "chain">,
): CallHead {
  const { appId, functionName, revision, routeId, ...identity } = identityOf(definition, "");
  return { version: 1, appId, functionName, revision, routeId, ...call, ...shareOf(identity) };
}

export function parseHead(text: string): CallHead {
  return JSON.parse(text) as CallHead;
}

/** The call as its message in the queue names it: the lane of a message is its function's id. */
export function identityIn(message: { id: string; namespace: string; lane: string }, head: CallHead): CallIdentity {
  const { appId, functionName, revision, routeId } = head;
  const { id, namespace, lane: functionId } = message;
  return { id, namespace, appId, functionId, functionName, revision, routeId, ...shareOf(head) };
}

/** What the call runs. */
export function referenceIn(functionId: string, head: CallHead): FunctionReference {
  const share = head.provider === undefined && head.binding === undefined ? undefined : shareOf(head);
  return { by: "id", functionId, revision: head.pinned ?? undefined, share };
}
