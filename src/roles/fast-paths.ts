import { fireRoute, invokeRoute } from "../api/kiln/invoke-path.ts";
import { apiManagementRoute, gatewayRoute } from "../api/openwhisk/gateway/paths.ts";
import { actionRoute, triggerRoute } from "../api/openwhisk/invoke-path.ts";
import { webHostRoute, webRoute } from "../api/openwhisk/web/paths.ts";
import { invokeRoute as lambdaInvokeRoute, streamRoute } from "../api/lambda/paths.ts";
import { urlHostRoute, urlRoute } from "../api/lambda/url/paths.ts";
import type { FastRoute } from "../http/http.ts";

type FastPath = Omit<FastRoute, "handler">;

/** Fn's invoke paths; those of our API are `invokeRoute`. */
export const fnPaths = { invoke: { prefix: "/invoke/" }, trigger: { prefix: "/t/" }, route: { prefix: "/r/" } } as const;

/** All fast routes, for fronts that have no handlers. Loads no door. */
export const fastPaths: readonly FastPath[] = [
  fnPaths.invoke,
  fnPaths.trigger,
  fnPaths.route,
  invokeRoute,
  fireRoute,
  actionRoute,
  triggerRoute,
  lambdaInvokeRoute,
  streamRoute,
  apiManagementRoute,
  webRoute,
  webHostRoute,
  gatewayRoute,
  urlRoute,
  urlHostRoute,
];
