/**
 * OpenWhisk's door: translates its REST API (`/api/v1`) to the model and back.
 *
 * Promises: bodies, statuses and texts are OpenWhisk's; a key is wanted always, as pages of every origin may ask; a refused request changed
 * nothing; what other doors made is shown under its own name and survives a read and a write through this one. Deliberately
 * absent: decisions, caching, running code (invocation/), who may call (auth/, handed in as `identify`).
 *
 * How OpenWhisk's words map to the model (docs/decisions/0032-openwhisk-door.md): namespace = namespace; package = app, and the default package the null
 * app; action = function; activation = the record of a call, with its result. Packages, triggers, rules, sequences and web actions are not
 * served yet: their paths are answered as any that does not exist.
 */
import type { Caller, Credentials } from "../../auth/auth.ts";
import type { Handler } from "../../http/http.ts";
import type { Images } from "../../image/image.ts";
import type { Definition } from "../../invocation/definitions.ts";
import type { FunctionReference, Invoker } from "../../invocation/invocation.ts";
import type { World } from "../../lib/world.ts";
import type { LogStore } from "../../logs/logs.ts";
import type { App, Fn, Source } from "../../model/model.ts";
import type { Store } from "../../store/store.ts";
import { serverInfo } from "./info.ts";
import { invokeHandler } from "./invoke.ts";
import { sizeLimits } from "./limits.ts";
import { managementHandler } from "./routes.ts";

/** What the door is given. */
export interface WskContext {
  readonly world: World;
  readonly store: Store;
  readonly images: Pick<Images, "addCode" | "codeAsSent" | "kinds">;
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
  /** Hears of each function that was made or changed, as its first call may come. */
  expect?(fn: Fn, app: App | null): void;
  /** Calls of one namespace at a time. */
  readonly namespaceCallsMax: number;
  readonly version: string;
  /** Hears an error of ours, with its cause, that the caller only reads as a sentence. */
  readonly failed?: (error: unknown) => void;
}

/** Of a request to `openWhiskManagement`. */
export const openWhiskBodyBytesMax = sizeLimits.bodyBytesMax;

/** What `GET /` tells OpenWhisk's clients. */
export function openWhiskGreeting({ images, namespaceCallsMax }: WskContext): Readonly<Record<string, unknown>> {
  return serverInfo({ kinds: images.kinds, namespaceCallsMax });
}

/** Everything under `/api/v1`, and `/ping`. */
export function openWhiskManagement(context: WskContext): Handler {
  return managementHandler(context);
}

/** `POST /api/v1/namespaces/{namespace}/actions/[{package}/]{action}`: for the fast route (`invoke-path.ts`). */
export function openWhiskInvoke(context: WskContext): Handler {
  return invokeHandler(context);
}
