/**
 * OpenWhisk's door: translates its REST API (`/api/v1`) to the model and back.
 *
 * Promises: bodies, statuses and texts are OpenWhisk's; a key is wanted always, as pages of every origin may ask; a refused request changed
 * nothing; what other doors made is shown under its own name and survives a read and a write through this one. Deliberately
 * absent: decisions, caching, running code (invocation/), who may call (auth/, handed in as `identify`).
 *
 * How OpenWhisk's words map to the model (docs/decisions/0032-openwhisk-door.md): namespace = namespace; package = app, and the default package the null
 * app; action = function; activation = the record of a call, with its result; a sequence is a function without code. Triggers and rules
 * are the model's; a binding is an app as well (docs/decisions/0033-packages-triggers-rules.md).
 */
import type { Caller, Credentials } from "../../auth/auth.ts";
import type { FunctionOrigin } from "../../http/function-origin.ts";
import type { Events } from "../../events/events.ts";
import type { Handler, HttpRequest } from "../../http/http.ts";
import type { Images } from "../../image/image.ts";
import type { Definition } from "../../invocation/definitions.ts";
import type { FunctionReference, Invoker } from "../../invocation/invocation.ts";
import type { World } from "../../lib/world.ts";
import type { LogStore } from "../../logs/logs.ts";
import type { NamespaceQuotas } from "../../metering/metering.ts";
import type { App, Fn, Source } from "../../model/model.ts";
import type { Store } from "../../store/store.ts";
import { fireHandler } from "./fire.ts";
import { createGateway, type Gateway } from "./gateway/gateway.ts";
import { serverInfo } from "./info.ts";
import { invokeHandler } from "./invoke.ts";
import type { ActionKinds } from "./kinds.ts";
import { sizeLimits } from "./limits.ts";
import { managementHandler } from "./routes.ts";
import { webHandler } from "./web/web.ts";

/** What the door is given. */
export interface WskContext {
  readonly world: World;
  readonly store: Store;
  readonly images: Pick<Images, "addCode" | "codeAsSent">;
  readonly kinds: ActionKinds;
  readonly invoker: Invoker;
  /** What a call would run; rejects where there is nothing. */
  definition(namespace: string, target: FunctionReference): Definition | Promise<Definition>;
  /** What functions printed. */
  readonly logs: Pick<LogStore, "read">;
  /** Who asks. Throws (or rejects with) PlatformError `unauthenticated`. */
  identify(credentials: Credentials): Promise<Caller> | Caller;
  /** Installs packages that code names and does not bring; gives what the source is to say of them. Absent: code brings its own. */
  install?(source: Extract<Source, { type: "code" }>, namespace: string, signal: AbortSignal): Promise<string | null>;
  /** A function was made, changed or (null) removed, right after the store took it. */
  changed(namespace: string, functionId: string, fn: Fn | null): void;
  /** An app was made, changed or removed, right after the store took it. */
  appChanged(namespace: string, appId: string): void;
  /** Fires triggers, and hears that triggers or rules changed. */
  readonly events: Events;
  /** Hears of each function that was made or changed, as its first call may come. */
  expect?(fn: Fn, app: App | null): void;
  /** What each namespace may do. */
  readonly quotas: Pick<NamespaceQuotas, "limitsOf" | "usual">;
  readonly version: string;
  /** What a browser lets pages do that web actions answer with. (Default: sandboxed) */
  readonly functionOrigin?: FunctionOrigin;
  /** The server as the one who asks knows it, without a slash at the end. */
  baseUrl(request: Pick<HttpRequest, "header">): string;
  /** Hears an error of ours, with its cause, that the caller only reads as a sentence. */
  readonly failed?: (error: unknown) => void;
}

/** Of a request to `openWhiskManagement`. */
export const openWhiskBodyBytesMax = sizeLimits.bodyBytesMax;

/** What `GET /` tells OpenWhisk's clients. */
export function openWhiskGreeting({ kinds, quotas }: WskContext): Readonly<Record<string, unknown>> {
  return serverInfo({ kinds, limits: quotas.usual });
}

/** Everything under `/api/v1`, and `/ping`. */
export function openWhiskManagement(context: WskContext): Handler {
  return managementHandler(context);
}

/** `POST /api/v1/namespaces/{namespace}/actions/[{package}/]{action}`: for the fast route (`invoke-path.ts`). */
export function openWhiskInvoke(context: WskContext): Handler {
  return invokeHandler(context);
}

/** Web actions, at `/api/v1/web/` and, below the name `hostsBelow`, on the hosts of namespaces: for the fast routes (`web/paths.ts`). */
export function openWhiskWeb(context: WskContext, hostsBelow: string): Handler {
  return webHandler(context, hostsBelow);
}

/** `POST /api/v1/namespaces/{namespace}/triggers/{trigger}`: for the fast route (`invoke-path.ts`). */
export function openWhiskFire(context: WskContext): Handler {
  return fireHandler(context);
}

/** APIs of namespaces, and what looks after them: for the fast routes (`gateway/paths.ts`). */
export function openWhiskGateway(context: WskContext): Gateway {
  return createGateway(context);
}
