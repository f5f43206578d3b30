/** Requests for the URLs of APIs. */
import { ChangedRequest } from "../../../http/changed-request.ts";
import type { Handler, HttpRequest, HttpResponse } from "../../../http/http.ts";
import { asPlatformError } from "../../../model/error.ts";
import type { WskContext } from "../openwhisk.ts";
import { transactionOf } from "../reply.ts";
import { SharedResponse } from "./cors.ts";
import { failed, type GatewayAnswer } from "./errors.ts";
import type { NamespaceApis, PublishedApis } from "./published.ts";
import { placeOf, Routed, routeOf } from "./routed.ts";

/** `web`: who calls web actions. */
export function serveHandler(context: WskContext, published: PublishedApis, web: Handler): Handler {
  const refuse = (request: HttpRequest, response: HttpResponse, answer: GatewayAnswer) => {
    request.body.cancel();
    const transaction = transactionOf(request, context.world);
    response.send(answer.status, [...answer.headers, "X-Request-ID", transaction], answer.body);
  };
  const go = (request: HttpRequest, response: HttpResponse, { forward, answer, cors }: Routed) => {
    if (forward === null) refuse(request, new SharedResponse(response, cors), answer);
    else web(new ChangedRequest(request, forward), new SharedResponse(response, cors));
  };
  const route = async (request: HttpRequest, response: HttpResponse) => {
    try {
      go(request, response, await routed(published, request));
    } catch (error) {
      if (asPlatformError(error).code === "internal") context.failed?.(error);
      refuse(request, response, failed);
    }
  };
  return (request, response) => {
    const known = knownRoute(published, request);
    if (known === null) void route(request, response);
    else go(request, response, known);
  };
}

/** Of an equal request that came before, while nothing has changed: most calls need no promise. */
function knownRoute(published: PublishedApis, { notes }: HttpRequest): Routed | null {
  const kept = notes?.kept;
  return kept instanceof Routed && published.isCurrent(kept.namespace, kept.apis) ? kept : null;
}

async function routed(published: PublishedApis, request: HttpRequest): Promise<Routed> {
  const place = placeOf(request.path);
  const apis: NamespaceApis | null = place === null ? null : await published.of(place.namespace);
  const found = await routeOf(request, place, apis);
  if (request.notes !== undefined) request.notes.kept = found;
  return found;
}
