/**
 * Our own door: everything the platform can do, as REST with an OpenAPI document. Console and CLI speak only this.
 *
 * Promises: lists are `{items, nextCursor}`, errors `{code, message, details, requestId}`, on every path below `/kiln/`; a PUT that
 * changes nothing makes no revision; names that another door made are found as they are. Invocation does not run on the
 * framework. Deliberately absent: decisions (each belongs to the room it is about) and other dialects' words.
 */
import swagger from "@fastify/swagger";
import type { Identifier } from "../../auth/auth.ts";
import type { SigningKeys } from "../../auth/signing-keys.ts";
import type { ProvisionCounts } from "../../agent/provisions.ts";
import type { SandboxCounts } from "../../agent/stats.ts";
import type { Framework } from "../../http/framework.ts";
import type { Alarms } from "../../events/alarms/alarms.ts";
import type { Events } from "../../events/events.ts";
import type { FunctionOrigin } from "../../http/function-origin.ts";
import type { FastRoute } from "../../http/http.ts";
import type { Images } from "../../image/image.ts";
import type { Calls, Invoker } from "../../invocation/invocation.ts";
import type { World } from "../../lib/world.ts";
import type { LogStore } from "../../logs/logs.ts";
import type { LogTail } from "../../logs/tail.ts";
import type { NamespaceQuotas } from "../../metering/metering.ts";
import type { PlatformError } from "../../model/error.ts";
import type { App, Egress, Fn, Source } from "../../model/model.ts";
import type { Store } from "../../store/store.ts";
import type { Health } from "../../telemetry/health.ts";
import type { Metrics } from "../../telemetry/metrics.ts";
import { activationRoutes } from "./activations.ts";
import { appRoutes } from "./apps.ts";
import { catalogRoutes } from "./catalog.ts";
import { codeRoutes } from "./code.ts";
import { deadLetterRoutes } from "./dead-letters.ts";
import { type Door, openDoor, type Scope } from "./door.ts";
import { functionRoutes } from "./functions.ts";
import { healthRoutes } from "./health.ts";
import { fireHandler, registerFire } from "./fire.ts";
import { fireRoute, invokeRoute } from "./invoke-path.ts";
import { invokeHandler, registerInvoke } from "./invoke.ts";
import { logRoutes } from "./logs.ts";
import { metricsRoute, statsRoutes } from "./metrics.ts";
import { namespaceLimitRoutes } from "./namespace-limits.ts";
import { namespaceRoutes } from "./namespaces.ts";
import { openApi, openApiRoute } from "./openapi.ts";
import { noteRoutes } from "./notes.ts";
import { revisionRoutes } from "./revisions.ts";
import { routeRoutes } from "./routes.ts";
import { scheduleRoutes } from "./schedules.ts";

/** What the door needs of the platform. */
export interface KilnParts {
  readonly world: World;
  readonly store: Store;
  readonly logs: KilnLogs;
  readonly metrics: Metrics;
  readonly health: Pick<Health, "ready">;
  /** What a function's sandboxes do now; absent where they are not of this process. */
  readonly sandboxes?: (functionId: string) => SandboxCounts;
  /** How many of them are kept ready. */
  readonly provisioned?: (fn: Fn) => ProvisionCounts;
  /** Why so many can't be kept ready; null: they can. */
  readonly provisionRefusal?: (fn: Fn) => PlatformError | null;
  readonly images: Pick<Images, "addCode" | "findCode" | "kinds">;
  /** Installs packages that code names and does not bring; gives what the source is to say of them. Absent: code brings its own. */
  install?(source: Extract<Source, { type: "code" }>, namespace: string, signal: AbortSignal): Promise<string | null>;
  readonly invoker: Invoker;
  /** Asynchronous calls; absent where there is no queue. */
  readonly calls?: Calls | undefined;
  /** Events of triggers; absent where there is no queue. */
  readonly events?: Events | undefined;
  /** What fires triggers by the clock; absent as those are. */
  readonly alarms?: Pick<Alarms, "put"> | undefined;
  readonly identifier: Identifier;
  /** What clients of Lambda's API sign with, and for which region; absent where there is no such door. */
  readonly signing?: { readonly pairs: SigningKeys; readonly region: string };
  /** What each namespace may do. */
  readonly quotas: NamespaceQuotas;
  /** Of the calls of any namespace, how many may wait at a time. */
  readonly namespaceLimits: { readonly waiting: number; readonly queued: number };
  /** From now on functions of this namespace connect to that which leave it to the namespace; null: as where nothing is said. */
  setEgress?(namespace: string, egress: Egress | null): void;
  /** What a browser lets pages do that functions answer with. (Default: sandboxed) */
  readonly functionOrigin?: FunctionOrigin;
  /** Called after a definition changed in the store, so that what others keep in memory is read anew. */
  changed(change: Change): void;
  /** Hears of each function that was made or changed, as its first call may come. */
  expect?(fn: Fn, app: App | null): void;
  /** Makes a sandbox of a function ready ahead of its calls, if it can; undefined: nobody here does such things. */
  prepare?(fn: Fn, app: App | null): void;
  readonly version: string;
  /** Hears of errors that are ours, for the platform's log. */
  readonly bug?: (error: unknown, requestId: string) => void;
}

/** What functions printed, and those who watch them print. */
export interface KilnLogs extends Pick<LogStore, "read" | "list"> {
  /** What was printed before is in lists when it resolves. */
  flush(): Promise<void>;
  readonly tail: Pick<LogTail, "open">;
}

/** What changed in a namespace. */
export interface Change {
  readonly namespace: string;
  /** Null when it was an app or a route. */
  readonly functionId: string | null;
  /** Those that get calls from now on; none when the function is gone. */
  readonly revisions: readonly number[];
}

/** Registers the door on the framework; the routes returned are for the listener. */
export function registerKiln(framework: Framework, parts: KilnParts): readonly FastRoute[] {
  const handler = invokeHandler(parts);
  const fire = fireHandler(parts);
  void framework.app.register(
    async (scope) => {
      await scope.register(swagger, { openapi: openApi(parts.version) });
      const door = openDoor(scope as Scope, framework, parts);
      for (const register of resources) register(door);
      registerInvoke(door, handler);
      registerFire(door, fire);
      openApiRoute(door);
    },
    { prefix: "/kiln" },
  );
  return [
    { ...invokeRoute, handler },
    { ...fireRoute, handler: fire },
  ];
}

const resources: readonly ((door: Door) => void)[] = [
  healthRoutes,
  catalogRoutes,
  namespaceRoutes,
  namespaceLimitRoutes,
  appRoutes,
  functionRoutes,
  codeRoutes,
  revisionRoutes,
  noteRoutes,
  routeRoutes,
  scheduleRoutes,
  activationRoutes,
  deadLetterRoutes,
  logRoutes,
  statsRoutes,
  metricsRoute,
];
