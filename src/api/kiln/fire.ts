import Type from "typebox";
import type { Event } from "../../events/events.ts";
import { readNothing } from "../../http/framework.ts";
import { credentialHeaders, endToEndHeaders } from "../../http/headers.ts";
import type { Handler, HttpRequest, HttpResponse } from "../../http/http.ts";
import { readBody } from "../../lib/body.ts";
import { asPlatformError, PlatformError } from "../../model/error.ts";
import { eventBytesMax } from "../../events/events.ts";
import type { Door, Scope } from "./door.ts";
import { decoded } from "./invocable.ts";
import { firePath } from "./invoke-path.ts";
import { sendError } from "./invoke.ts";
import type { KilnParts } from "./kiln.ts";
import { operation } from "./openapi.ts";
import { triggerPath } from "./schemas.ts";

/** Fires a trigger: any body in; answered as soon as the calls that follow can't be lost. */
export function fireHandler(parts: KilnParts): Handler {
  return (request, response) => {
    fire(parts, request)
      .then((activationId) => answer(request, response, activationId))
      .catch((error: unknown) => {
        request.body.cancel();
        sendError(parts, request, response, asPlatformError(error), null);
      });
  };
}

/** The id of the event's activation; null: nothing follows from it. */
async function fire(parts: KilnParts, request: HttpRequest): Promise<string | null> {
  const caller = await parts.identifier.identify(request);
  if (parts.events === undefined) throw new PlatformError("unsupported", "Events need a queue, which this server does not have");
  const body = await readBody(request.body, eventBytesMax, tooLarge);
  const event: Event = { caller, ...namesIn(request), headers: endToEndHeaders(request.headers, credentialHeaders), body };
  return (await parts.events.fire(event)).activationId;
}

function answer(request: HttpRequest, response: HttpResponse, activationId: string | null): void {
  if (activationId === null) return response.send(204, [], "");
  const { namespace } = namesIn(request);
  const location = `/kiln/v1/namespaces/${encodeURIComponent(namespace)}/activations/${activationId}`;
  const headers = ["Content-Type", "application/json; charset=utf-8", "Kiln-Activation-Id", activationId, "Location", location];
  response.send(202, headers, JSON.stringify({ activationId }));
}

function namesIn({ path }: HttpRequest): Pick<Event, "namespace" | "trigger"> {
  const [namespace, trigger] = (firePath.exec(path) as RegExpExecArray).slice(1).map(decoded) as [string, string];
  return { namespace, trigger };
}

function tooLarge(): PlatformError {
  return new PlatformError("too_large", `The event is over the limit of ${eventBytesMax} bytes`);
}

/** The same handler behind the framework, as `registerInvoke` does it. */
export function registerFire({ scope, framework }: Door, handler: Handler): void {
  void scope.register(async (inner) => {
    readNothing(inner as Scope);
    const about = "Fire a trigger: any body in; 202 once the calls of its rules can't be lost, 204 where no rule is active";
    inner.post(
      "/v1/namespaces/:ns/triggers/:trigger/fire",
      {
        schema: {
          ...operation("fireTrigger", "Triggers", about, Type.Unknown({ description: "The id of the event's activation" })),
          params: triggerPath,
        },
      },
      (request, reply) => framework.run(handler, request, reply),
    );
  });
}
