/**
 * Fn's door: translates the Fn REST API (`/v2`), `POST /invoke/{fn_id}`, `/t/{app}/{source}` and `/r/{app}/{route}` to the model and
 * back.
 *
 * Promises: bodies, statuses and messages are Fn's, word for word, except where Fn's own are slips; a refused request changed
 * nothing; what other doors made is shown under its own name and survives a read and a write through this one. Deliberately
 * absent: decisions, caching, running code (invocation/), who may call (auth/, handed in as `identify`).
 *
 * How Fn's words map to the model: app = app; fn = function; trigger = route; call = activation. `memory` MB = memoryMiB,
 * `timeout` and `idle_timeout` s = timeoutMs and idleTimeoutMs, rounded up when shown. `image` is translated in `source.ts`.
 */
import type { World } from "../../lib/world.ts";
import type { FunctionOrigin } from "../../http/function-origin.ts";
import type { Handler, HttpRequest } from "../../http/http.ts";
import type { Caller } from "../../auth/auth.ts";
import type { Definition } from "../../invocation/definitions.ts";
import type { Calls, FunctionReference, Invoker } from "../../invocation/invocation.ts";
import type { LogStore } from "../../logs/logs.ts";
import type { PlatformError } from "../../model/error.ts";
import type { App, Fn, Route } from "../../model/model.ts";
import type { Store } from "../../store/store.ts";
import type { CorsSettings } from "./cors.ts";
import { withCors } from "./cors.ts";
import { invokeHandler, routeHandler, triggerHandler } from "./invoke.ts";
import { managementHandler } from "./routes.ts";

/** What the door is given. */
export interface FnContext {
  readonly store: Store;
  readonly invoker: Invoker;
  /** Calls that are not over. */
  readonly calls: Pick<Calls, "underway" | "listUnderway">;
  /** What functions printed. */
  readonly logs: Pick<LogStore, "read">;
  /** What a call would run, for those functions whose calls are all asynchronous; rejects where there is nothing. */
  definition(target: FunctionReference): Definition | Promise<Definition>;
  readonly world: World;
  /** What `GET /version` tells. */
  readonly version: string;
  /** The namespace that this door shows: `guest`. */
  readonly namespace: string;
  /** Who asks. Throws (or rejects with) PlatformError `unauthenticated`. */
  identify(request: HttpRequest): Promise<Caller> | Caller;
  /** Scheme and authority under which the caller reaches us, such as `http://127.0.0.1:8080`, for end point annotations. */
  baseUrl(request: HttpRequest): string;
  /** Shows functions and triggers under other URLs than this server's own; absent: nobody does. */
  readonly urls?: ShownUrls | undefined;
  /**
   * Tells the definition cache that these apps, functions or routes were made, changed or removed, right after the store took
   * it. The id of an app stands for everything in it, that of a function for its routes as well.
   */
  changed(ids: readonly string[]): void;
  /** Hears of each function that was made or changed, as its first call may come. */
  expect?(fn: Fn, app: App | null): void;
  /** What other doors tell at `/`, beside Fn's own. Absent: nothing. */
  greeting?(): Readonly<Record<string, unknown>>;
  /** Which pages of other origins are served. (Default: none are looked at) */
  readonly cors?: CorsSettings;
  /** What a browser lets pages do that functions answer with. (Default: sandboxed) */
  readonly functionOrigin?: FunctionOrigin;
  /** Hears an error of ours, with its cause, that the caller only reads as "internal server error". */
  readonly failed?: (error: PlatformError) => void;
}

/** `url`: this server's own. */
export interface ShownUrls {
  fn(fn: Fn, url: string): string;
  trigger(route: Route, url: string): string;
}

/** Everything under `/v2`, `/` and `/version`; answers Fn's 404 for any other path. */
export function fnManagement(context: FnContext): Handler {
  return open(context, managementHandler(context));
}

/** `POST /invoke/{fn_id}`: for the fast route `/invoke/`. */
export function fnInvoke(context: FnContext): Handler {
  return open(context, invokeHandler(context));
}

/** Any method on `/t/{app}` and `/t/{app}/{source...}`: for the fast route `/t/`. */
export function fnTrigger(context: FnContext): Handler {
  return open(context, triggerHandler(context));
}

/** Any method on `/r/{app}/{route...}`, as `/v1` had it: for the fast route `/r/`. */
export function fnRoute(context: FnContext): Handler {
  return open(context, routeHandler(context));
}

function open(context: FnContext, handler: Handler): Handler {
  return context.cors === undefined ? handler : withCors(context.cors, (request) => context.baseUrl(request), handler);
}
