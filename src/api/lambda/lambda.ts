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
import type { FunctionOrigin } from "../../http/function-origin.ts";
import type { Handler, HttpRequest } from "../../http/http.ts";
import type { Images } from "../../image/image.ts";
import type { Definition } from "../../invocation/definitions.ts";
import type { FunctionReference, Invoker } from "../../invocation/invocation.ts";
import type { World } from "../../lib/world.ts";
import type { LogStore } from "../../logs/logs.ts";
import type { NamespaceQuotas } from "../../metering/metering.ts";
import type { ReservedCalls } from "../../metering/reserved-calls.ts";
import type { PlatformError } from "../../model/error.ts";
import type { App, Fn, Source } from "../../model/model.ts";
import type { Store } from "../../store/store.ts";
import { invokeHandler } from "./invoke.ts";
import { lambdaLimits } from "./limits.ts";
import type { Identity } from "./names.ts";
import { managementHandler } from "./routes.ts";
import type { NotesCache } from "./notes.ts";
import type { Readying } from "./readying.ts";
import { streamHandler } from "./stream.ts";
import { urlHandler } from "./url/url.ts";

/** What the door is given. */
export interface LambdaContext {
  readonly world: World;
  readonly store: Store;
  readonly notes: NotesCache;
  readonly images: Pick<Images, "addCode" | "codeAsSent" | "extensionsIn" | "findCode" | "kinds" | "prepare">;
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
  /** The name that hosts of function URLs have after their first label; empty: they have none. */
  readonly urlHosts: string;
  /** Of what functions answer where they have no host of their own. */
  readonly functionOrigin: FunctionOrigin;
  /** Where this server is, as whoever asks reaches it. */
  baseUrl(request: Pick<HttpRequest, "header">): string;
  /** Installs packages that code names and does not bring, and compiles sources. Absent: code brings all of it. */
  readonly packages?: Packages;
  /** Revisions that can't be called yet. */
  readonly readying: Readying;
  /** Whoever calls this revision of the function is refused so from now on; null: nobody is. */
  holdCalls(functionId: string, revision: number, refusal: PlatformError | null): void;
  /** How many calls functions take at once, where they have a number of their own. */
  readonly reserved: Pick<ReservedCalls, "set" | "sumOf">;
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

type CodeSource = Extract<Source, { type: "code" }>;

export interface Packages {
  /** What the source is to say of them, and whether they are there already; null: there is nothing to install. */
  look(source: CodeSource, namespace: string): Promise<{ readonly key: string; readonly isThere: boolean } | null>;
  install(source: CodeSource, namespace: string, signal: AbortSignal): Promise<string | null>;
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

/** Function URLs, at `/lambda-url/` and on hosts of their own: for the fast routes (`url/paths.ts`). */
export function lambdaUrls(context: LambdaContext): Handler {
  return urlHandler(context);
}
