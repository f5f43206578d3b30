import { invokeRoute } from "../api/kiln/invoke-path.ts";
import { actionRoute } from "../api/openwhisk/invoke-path.ts";
import type { FastRoute } from "../http/http.ts";

type FastPath = Pick<FastRoute, "prefix" | "matches">;

/** Fn's invoke paths; those of our API are `invokeRoute`. */
export const fnPaths = { invoke: { prefix: "/invoke/" }, trigger: { prefix: "/t/" }, route: { prefix: "/r/" } } as const;

/** All fast routes, for fronts that have no handlers. Loads no door. */
export const fastPaths: readonly FastPath[] = [fnPaths.invoke, fnPaths.trigger, fnPaths.route, invokeRoute, actionRoute];
