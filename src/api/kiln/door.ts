import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifyTypeProvider,
  RawServerDefault,
} from "fastify";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Static, TSchema } from "typebox";
import type { Caller } from "../../auth/auth.ts";
import { authorize, isOperator, unknownNamespace } from "../../auth/authorize.ts";
import { type Framework, fromFramework } from "../../http/framework.ts";
import { httpStatusOf } from "../../http/refusal.ts";
import { PlatformError } from "../../model/error.ts";
import type { App, Fn } from "../../model/model.ts";
import { errorBody, errorHeaders } from "./errors.ts";
import type { KilnParts } from "./kiln.ts";
import { methodsOf } from "./methods.ts";
import { createValidator, schemaError } from "./validator.ts";

/** Schemas give the types of what handlers read. */
interface Typed extends FastifyTypeProvider {
  readonly validator: this["schema"] extends TSchema ? Static<this["schema"]> : unknown;
  readonly serializer: unknown;
}

export type Scope = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, Typed>;

/** What a resource registers its paths with. */
export interface Door {
  readonly scope: Scope;
  readonly framework: Framework;
  readonly parts: KilnParts;
  /** Who is calling. Known on every path but the open ones. */
  caller(request: FastifyRequest): Caller;
}

/** Paths that anybody may read. */
const open = new Set(["/kiln/v1/health", "/kiln/v1/openapi.json"]);

/** What whoever runs the server sets for every namespace. */
const operated = new Set(["limits", "egress"].map((what) => `/kiln/v1/namespaces/:ns/${what}`));

/** Prepares the scope of the door: who may enter, how input is checked, how errors look. */
export function openDoor(scope: Scope, framework: Framework, parts: KilnParts): Door {
  const callers = new WeakMap<FastifyRequest, Caller>();
  const known = methodsOf(scope);

  scope.setValidatorCompiler(createValidator());
  scope.setSchemaErrorFormatter(schemaError);
  // Response schemas are for the document; what we send is ours already and needs no filter.
  scope.setSerializerCompiler(() => (data) => JSON.stringify(data));
  scope.setErrorHandler((error, request, reply) =>
    sendError(parts, fromFramework(error, request.routeOptions.bodyLimit), request, reply),
  );
  // A route and not the framework's own handler for what is not found: another door may serve every other path there is.
  void scope.register(async (rest) => {
    rest.addHook("onRequest", async (request) => {
      throw known.problem(request.method, request.url);
    });
    rest.all("/*", { schema: { hide: true } as object }, () => {});
  });
  // Before the body is read: who may not enter must not make us take 128 MiB.
  scope.addHook("onRequest", async (request) => {
    const path = request.routeOptions.url;
    if (path === undefined || open.has(path)) return;
    const caller = await parts.identifier.identify(framework.caller(request));
    callers.set(request, caller);
    const { ns } = request.params as { ns?: string };
    if (ns === undefined) return;
    if (!(operated.has(path) && isOperator(caller))) authorize(caller, ns);
    if ((await parts.store.namespaces.getByName(ns)) === undefined) throw unknownNamespace(ns);
  });
  return { scope, framework, parts, caller: (request) => callers.get(request) as Caller };
}

function sendError(parts: KilnParts, error: PlatformError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error.code === "internal") parts.bug?.(error.cause ?? error, request.id);
  const headers = errorHeaders(error);
  for (let i = 0; i < headers.length; i += 2) reply.header(headers[i] as string, headers[i + 1]);
  return reply.code(httpStatusOf(error.code)).send(errorBody(error, request.id));
}

/** How the null app, which has no name, is written in a path. */
export const nullApp = "_";

/** The app that a path names; null for the null app. Throws `not_found`. */
export async function appAt(parts: KilnParts, ns: string, name: string): Promise<App | null> {
  if (name === nullApp) return null;
  const app = await parts.store.apps.getByName(ns, name);
  if (app === undefined) throw missing("app", name);
  return app;
}

/** The function that a path names, with its app. Throws `not_found`. */
export async function functionAt(
  parts: KilnParts,
  ns: string,
  appName: string,
  name: string,
): Promise<{ app: App | null; fn: Fn }> {
  const app = await appAt(parts, ns, appName);
  const fn = await parts.store.functions.getByName(ns, app?.id ?? null, name);
  if (fn === undefined) throw missing("function", name);
  return { app, fn };
}

export function missing(
  what: "app" | "function" | "route" | "activation" | "result" | "dead_letter" | "revision" | "key",
  name: string,
): PlatformError {
  const noun = {
    app: "App",
    function: "Function",
    route: "Route",
    activation: "Activation",
    result: "A result of activation",
    dead_letter: "Dead letter",
    revision: "Revision",
    key: "Key",
  }[what];
  return new PlatformError("not_found", `${noun} ${name} does not exist`, { details: { what } });
}
