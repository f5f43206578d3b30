import { PlatformError } from "../model/error.ts";
import type { Caller } from "./auth.ts";
import { firstNamespace } from "./keys.ts";

/**
 * Lets a caller act in a namespace, or throws what a door says of a namespace that does not exist: whoever may not
 * look inside must not learn that it is there. Every reference in a request is then resolved inside that namespace.
 */
export function authorize(caller: Caller, namespace: string): void {
  if (!mayAct(caller, namespace)) throw unknownNamespace(namespace);
}

/** Whoever runs the server is on its machine, or has the key that it made at first start. */
export function isOperator({ namespaces }: Caller): boolean {
  return namespaces === null || namespaces.includes(firstNamespace);
}

function mayAct(caller: Caller, namespace: string): boolean {
  return caller.namespaces === null || caller.namespaces.includes(namespace);
}

/** The one error for a namespace that is not there and for one that is somebody else's. */
export function unknownNamespace(name: string): PlatformError {
  return new PlatformError("not_found", `Namespace ${name} does not exist`, { details: { what: "namespace" } });
}
