/**
 * Our own door: everything the platform can do, as REST with an OpenAPI document. Console and CLI speak only this.
 *
 * Promises: lists are `{items, nextCursor}`, errors `{code, message, details, requestId}`, on every path below `/kiln/`; a PUT that
 * changes nothing makes no revision; names that another door made are found as they are. Invocation does not run on the
 * framework. Deliberately absent: decisions (each belongs to the room it is about) and other dialects' words.
 */
import swagger from "@fastify/swagger";
import type { Identifier } from "../../auth/auth.ts";
import type { Framework } from "../../http/framework.ts";
import type { FastRoute } from "../../http/http.ts";
import type { Images } from "../../image/image.ts";
import type { Invoker, InvokeRequest } from "../../invocation/invocation.ts";
import type { World } from "../../lib/world.ts";
import type { LogStore } from "../../logs/logs.ts";
import type { Store } from "../../store/store.ts";
import { activationRoutes } from "./activations.ts";
import { appRoutes } from "./apps.ts";
import { catalogRoutes } from "./catalog.ts";
import { codeRoutes } from "./code.ts";
import { type Door, openDoor, type Scope } from "./door.ts";
import { functionRoutes } from "./functions.ts";
import { invokeHandler, isInvokePath, registerInvoke } from "./invoke.ts";
import { openApi, openApiRoute } from "./openapi.ts";
import { routeRoutes } from "./routes.ts";

/** What the door needs of the platform. */
export interface KilnParts {
  readonly world: World;
  readonly store: Store;
  readonly logs: Pick<LogStore, "read">;
  readonly images: Pick<Images, "addCode" | "hasCode" | "kinds">;
  readonly invoker: KilnInvoker;
  readonly identifier: Pick<Identifier, "identify">;
  /** Called after a definition changed in the store, so that what others keep in memory is read anew. */
  changed(change: Change): void;
  readonly version: string;
  /** Hears of errors that are ours, for the platform's log. */
  readonly bug?: (error: unknown, requestId: string) => void;
}

export interface KilnInvoker extends Invoker {
  /** Takes a call to run later and resolves once it can't be lost; an invoker without a durable queue has no such method. */
  accept?(request: InvokeRequest): Promise<{ readonly activationId: string }>;
}

/** What changed in a namespace. */
export interface Change {
  readonly namespace: string;
  /** Null when it was an app or a route. */
  readonly functionId: string | null;
  /** The revision that is valid now; null when there is none any more. */
  readonly revision: number | null;
}

/** Registers the door on the framework; the routes returned are for the listener. */
export function registerKiln(framework: Framework, parts: KilnParts): readonly FastRoute[] {
  const handler = invokeHandler(parts);
  void framework.app.register(
    async (scope) => {
      await scope.register(swagger, { openapi: openApi(parts.version) });
      const door = openDoor(scope as Scope, framework, parts);
      for (const register of resources) register(door);
      registerInvoke(door, handler);
      openApiRoute(door);
    },
    { prefix: "/kiln" },
  );
  return [{ prefix: "/kiln/v1/namespaces/", matches: isInvokePath, handler }];
}

const resources: readonly ((door: Door) => void)[] = [
  catalogRoutes,
  appRoutes,
  functionRoutes,
  codeRoutes,
  routeRoutes,
  activationRoutes,
];
