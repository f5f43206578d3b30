/** Fn's door, which answers for all paths that are nobody else's. */
import { consoleForBrowsers } from "../api/kiln/console.ts";
import { type FnContext, fnInvoke, fnManagement, fnRoute, fnTrigger } from "../api/fn/fn.ts";
import type { Framework } from "../http/framework.ts";
import type { FastRoute } from "../http/http.ts";
import { fnPaths } from "./fast-paths.ts";

export interface FnDoor {
  /** Everything but calls; to be mounted last. */
  mount(framework: Framework): void;
  /** Calls, for the listener. */
  readonly routes: readonly FastRoute[];
}

export function openFnDoor(context: FnContext): FnDoor {
  return {
    mount(framework) {
      const management = fnManagement(context);
      // Its own paths, so that it also answers for those that cannot be decoded; and all that is nobody else's.
      framework.mount("/v2", management);
      framework.mount("", consoleForBrowsers(management));
    },
    routes: [
      { ...fnPaths.invoke, handler: fnInvoke(context) },
      { ...fnPaths.trigger, handler: fnTrigger(context) },
      { ...fnPaths.route, handler: fnRoute(context) },
    ],
  };
}
