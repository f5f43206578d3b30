/** Who asks. */
import type { Caller } from "../../auth/auth.ts";
import type { OpenSignature } from "../../auth/signature.ts";
import type { HttpRequest } from "../../http/http.ts";
import { asPlatformError } from "../../model/error.ts";
import type { LambdaContext } from "./lambda.ts";
import { errorReply, Refusal } from "./errors.ts";
import type { Reply } from "./reply.ts";

/** Looks at the head alone. Throws or rejects with `unauthenticated`. */
export function openedBy(context: LambdaContext, request: HttpRequest): OpenSignature | Promise<OpenSignature> {
  const { anybody, signatures } = context;
  if (anybody !== null && request.loopback) return { verify: () => anybody };
  return signatures.open(request);
}

/** The one namespace that a key is for. */
export function namespaceOf({ namespaces }: Caller): string {
  const own = namespaces?.[0];
  if (own === undefined) throw new Refusal(403, "AccessDenied", "This key is for no namespace");
  return own;
}

/** A failure as its answer; those of ours are told to the platform's log. */
export function failureReply(context: LambdaContext, thrown: unknown): Reply {
  if (!(thrown instanceof Refusal)) {
    const error = asPlatformError(thrown);
    if (error.code === "internal") context.failed?.(error);
  }
  return errorReply(thrown);
}
