/** What an asynchronous call is besides its body, as the JSON text that the queue keeps. */
import type { HttpOrigin } from "../protocol/protocol.ts";
import type { Definition } from "./definitions.ts";
import type { CallIdentity } from "./invocation.ts";
import { identityOf } from "./outcome.ts";

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
  /** How many calls before caused this one through their destinations. */
  readonly chain: number;
}

export function callHead(
  definition: Definition,
  call: Pick<CallHead, "headers" | "http" | "startedAt" | "pinned" | "chain">,
): CallHead {
  const { appId, functionName, revision, routeId } = identityOf(definition, "");
  return { version: 1, appId, functionName, revision, routeId, ...call };
}

export function parseHead(text: string): CallHead {
  return JSON.parse(text) as CallHead;
}

/** The call as its message in the queue names it: the lane of a message is its function's id. */
export function identityIn(message: { id: string; namespace: string; lane: string }, head: CallHead): CallIdentity {
  const { appId, functionName, revision, routeId } = head;
  return { id: message.id, namespace: message.namespace, appId, functionId: message.lane, functionName, revision, routeId };
}
