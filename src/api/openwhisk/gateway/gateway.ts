/**
 * OpenWhisk's API gateway: URLs of a namespace's own, `/api/{namespace}/{base path}/{path}`, that lead to its web actions.
 *
 * Promises: what OpenWhisk's clients ask of the actions in `/whisk.system/apimgmt` is answered as those do; an API that was taken is on the disk and
 * serves what its document says, by the way of every web action, so that both behave alike; what it asks for and is not there is refused when it is
 * made, and never left out. Deliberately absent: keys, limits, OAuth, domains, and any backend that is no web action of this server.
 */
import type { Handler } from "../../../http/http.ts";
import type { WskContext } from "../openwhisk.ts";
import { webHandler } from "../web/web.ts";
import { managementHandler } from "./management.ts";
import { PublishedApis } from "./published.ts";
import { serveHandler } from "./serve.ts";

/** For the fast routes of `paths.ts`. */
export interface Gateway {
  readonly management: Handler;
  readonly serve: Handler;
}

/** What one of them changes the other one serves. */
export function createGateway(context: WskContext): Gateway {
  const published = new PublishedApis(context.store.gatewayApis);
  return {
    management: managementHandler(context, (namespace) => published.changed(namespace)),
    serve: serveHandler(context, published, webHandler(context, "")),
  };
}
