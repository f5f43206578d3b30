/** Who asks, what they may touch, and how they are refused. */
import type { Caller } from "../../auth/auth.ts";
import type { HttpRequest } from "../../http/http.ts";
import { asPlatformError } from "../../model/error.ts";
import { type Asker, errorReply, notEntitled, Refusal } from "./errors.ts";
import { ownNamespace } from "./names.ts";
import type { WskContext } from "./openwhisk.ts";
import type { Reply } from "./reply.ts";

/** Also on loopback a key is wanted. Throws or rejects with `unauthenticated`. */
export function identified({ identify }: WskContext, request: HttpRequest): Caller | Promise<Caller> {
  return identify({ header: (name) => request.header(name), loopback: false });
}

/** The caller's namespace, if that is the one that was asked for. `entity`: what of it is wanted; null: a collection. Throws `Refusal`. */
export function entitled({ namespaces }: Caller, asked: string, entity: string | null): string {
  const own = namespaces?.[0];
  if (own !== undefined && (asked === ownNamespace || asked === own)) return own;
  throw notEntitled(entity === null ? asked : `${asked}/${entity}`);
}

/** The caller's namespace, whatever was asked for: what another one shares is for everybody who has one. Throws `Refusal`. */
export function ownNamespaceOf({ namespaces }: Caller, asked: string): string {
  const own = namespaces?.[0];
  if (own === undefined) throw notEntitled(asked);
  return own;
}

/** A failure as its answer; those of ours are told to the platform's log. */
export function failureReply(context: WskContext, request: HttpRequest, thrown: unknown, transaction: string): Reply {
  if (!(thrown instanceof Refusal)) {
    const error = asPlatformError(thrown);
    if (error.code === "internal") context.failed?.(error);
  }
  return errorReply(thrown, transaction, askerOf(request));
}

function askerOf(request: HttpRequest): Asker {
  return {
    hasCredentials: request.header("authorization") !== undefined,
    isBrowser: request.header("sec-fetch-mode") !== undefined,
  };
}
