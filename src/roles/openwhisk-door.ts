/** OpenWhisk's door: its API, calls, events, web actions and the APIs that they are published at. */
import { apiManagementRoute, gatewayRoute } from "../api/openwhisk/gateway/paths.ts";
import { actionRoute, triggerRoute } from "../api/openwhisk/invoke-path.ts";
import {
  openWhiskBodyBytesMax,
  openWhiskFire,
  openWhiskGateway,
  openWhiskInvoke,
  openWhiskManagement,
  openWhiskWeb,
  type WskContext,
} from "../api/openwhisk/openwhisk.ts";
import { webHostRoute, webRoute } from "../api/openwhisk/web/paths.ts";
import type { Framework } from "../http/framework.ts";
import type { FastRoute } from "../http/http.ts";

export interface WskDoor {
  /** Everything but what functions are called by. */
  mount(framework: Framework): void;
  /** Calls, events and web actions, for the listener. */
  readonly routes: readonly FastRoute[];
}

/** `webHost`: the name that hosts of web actions have after their namespace's. */
export function openWskDoor(context: WskContext, webHost: string): WskDoor {
  const gateway = openWhiskGateway(context);
  return {
    mount(framework) {
      for (const prefix of ["/api/v1", "/ping"]) framework.mount(prefix, openWhiskManagement(context), openWhiskBodyBytesMax);
    },
    routes: [
      { ...actionRoute, handler: openWhiskInvoke(context) },
      { ...triggerRoute, handler: openWhiskFire(context) },
      { ...apiManagementRoute, handler: gateway.management },
      { ...webRoute, handler: openWhiskWeb(context, webHost) },
      { ...webHostRoute, handler: openWhiskWeb(context, webHost) },
      { ...gatewayRoute, handler: gateway.serve },
    ],
  };
}
