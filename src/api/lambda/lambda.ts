/**
 * Lambda's door: translates its REST API, for `@aws-sdk/client-lambda`, boto3 and the `aws` command line, to the model and back.
 *
 * Promises: names, statuses and shapes of answers and errors are Lambda's; every request is signed by the pair of a key and reaches the namespace of that
 * key and no other; a refused request changed nothing; 202 is said of a call when it can't be lost. Deliberately absent: decisions, running code
 * (invocation/), how a signature is checked (auth/signature.ts), roles and policies of IAM: they are kept and shown, and nothing depends on them.
 *
 * How Lambda's words map to the model (docs/decisions/0045-lambda-door.md): a function NAME is that of the null app, one of another app APP.NAME; `$LATEST`
 * is the newest revision, a version a revision that is kept; tags, versions, aliases and policies are notes about the function.
 */
import type { Caller } from "../../auth/auth.ts";
import type { SignatureVerifier } from "../../auth/signature.ts";
import type { Handler, HttpRequest } from "../../http/http.ts";
import type { Images } from "../../image/image.ts";
import type { Definition } from "../../invocation/definitions.ts";
import type { FunctionReference, Invoker } from "../../invocation/invocation.ts";
import type { World } from "../../lib/world.ts";
import type { LogStore } from "../../logs/logs.ts";
import type { NamespaceQuotas } from "../../metering/metering.ts";
import type { App, Fn, Source } from "../../model/model.ts";
import type { Store } from "../../store/store.ts";
import { invokeHandler } from "./invoke.ts";
import { lambdaLimits } from "./limits.ts";
import type { Identity } from "./names.ts";
import { managementHandler } from "./routes.ts";
import type { NotesCache } from "./notes.ts";
import { streamHandler } from "./stream.ts";

/** What the door is given. */
export interface LambdaContext {
  readonly world: World;
  readonly store: Store;
  readonly notes: NotesCache;
  readonly images: Pick<Images, "addCode" | "codeAsSent" | "kinds">;
  readonly invoker: Invoker;
  /** What a call would run; rejects where there is nothing. */
  definition(namespace: string, target: FunctionReference): Definition | Promise<Definition>;
  /** What functions printed. */
  readonly logs: Pick<LogStore, "read">;
  /** Who signed a request. */
  readonly signatures: Pick<SignatureVerifier, "open">;
  /** Who it is over loopback, however it is signed; null: whoever signed it. */
  readonly anybody: Caller | null;
  readonly identity: Identity;
  /** A text that only this server can make of another. */
  seal(text: string): string;
  /** Where this server is, as whoever asks reaches it. */
  baseUrl(request: Pick<HttpRequest, "header">): string;
  /** Installs packages that code names and does not bring; gives what the source is to say of them. Absent: code brings its own. */
  install?(source: Extract<Source, { type: "code" }>, namespace: string, signal: AbortSignal): Promise<string | null>;
  /** A function was made, changed or removed, right after the store took it. `revisions`: those that may still be called. */
  changed(change: { readonly namespace: string; readonly functionId: string; readonly revisions: readonly number[] }): void;
  /** Hears of each function that was made or changed, as its first call may come. */
  expect?(fn: Fn, app: App | null): void;
  /** Why the sandboxes that a function wants kept ready cannot be. */
  provisionRefusal?(fn: Fn): Error | null;
  /** How many of a revision there are. */
  provisioned?(fn: Fn, revision: number): { readonly wanted: number; readonly ready: number };
  readonly quotas: Pick<NamespaceQuotas, "limitsOf">;
  /** Hears an error of ours, with its cause, that the caller only reads as a sentence. */
  readonly failed?: (error: unknown) => void;
}

/** Of a request to `lambdaManagement`. */
export const lambdaBodyBytesMax = lambdaLimits.bodyBytesMax;

/** Everything below the dates of `paths.ts`. */
export function lambdaManagement(context: LambdaContext): Handler {
  return managementHandler(context);
}

/** `POST /2015-03-31/functions/{name}/invocations`: for the fast route (`paths.ts`). */
export function lambdaInvoke(context: LambdaContext): Handler {
  return invokeHandler(context);
}

/** `POST /2021-11-15/functions/{name}/response-streaming-invocations`: for the fast route. */
export function lambdaStream(context: LambdaContext): Handler {
  return streamHandler(context);
}
