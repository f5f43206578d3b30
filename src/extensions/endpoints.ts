import type { FastifyReply, FastifyRequest } from "fastify";
import type { Caller, Identifier } from "../auth/auth.ts";
import { authorize } from "../auth/authorize.ts";
import { httpStatusOf, refusalBody } from "../http/refusal.ts";
import type { Framework } from "../http/framework.ts";
import { asPlatformError, PlatformError } from "../model/error.ts";
import type { Store } from "../store/store.ts";
import { type WholeAnswer, wholeAnswer } from "./answer.ts";
import type { Endpoint, EndpointRequest, Extension } from "./extensions.ts";
import type { Guard } from "./guard.ts";

export interface EndpointParts {
  readonly framework: Framework;
  readonly guard: Guard;
  readonly identifier: Pick<Identifier, "identify">;
  readonly store: Store;
  /** Whoever asks below `/v2` must be allowed to act in it. */
  readonly namespace: string;
}

/** First parts of paths that are the platform's with all that is below them. */
const ownPrefixes = new Set(["kiln", "ui", "invoke", "t", "r", "api", "metrics", "healthz", "readyz", "version"]);

/** Registers the paths of all extensions. Throws `invalid` for one that is taken. */
export function registerEndpoints(extensions: readonly Extension[], parts: EndpointParts): void {
  const holders = new Map<string, string>();
  for (const extension of extensions) {
    for (const endpoint of extension.endpoints ?? []) {
      const shape = `${endpoint.method} ${endpoint.path.replace(/:[^/]+/g, ":")}`;
      const holder = isOwn(endpoint.path) ? "the platform" : holders.get(shape);
      if (holder !== undefined) throw takenPath(extension, endpoint, holder);
      holders.set(shape, `extension ${extension.name}`);
    }
  }
  if (holders.size === 0) return;
  void parts.framework.app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
    for (const extension of extensions) {
      for (const endpoint of extension.endpoints ?? []) {
        scope.route({
          method: endpoint.method,
          url: endpoint.path,
          schema: { hide: true } as object,
          handler: (request, reply) => serve(extension, endpoint, parts, request, reply),
        });
      }
    }
  });
}

/** Under `/v2` a noun and an id are Fn's, and what Fn has below them; other paths there are free. */
function isOwn(path: string): boolean {
  const [first = "", noun = "", , below] = path.split("/").slice(1);
  if (first !== "v2") return ownPrefixes.has(first);
  if (noun === "" || noun === "*" || noun.startsWith(":")) return true;
  if (noun === "runner") return true;
  if (!["apps", "fns", "triggers"].includes(noun)) return false;
  return below === undefined || below === "*" || below.startsWith(":") || (noun === "fns" && below === "calls");
}

async function serve(
  extension: Extension,
  endpoint: Endpoint,
  { framework, guard, identifier, store, namespace }: EndpointParts,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  try {
    const caller = endpoint.open === true ? null : await identifier.identify(framework.caller(request));
    if (caller !== null && endpoint.path.startsWith("/v2/")) authorize(caller, namespace);
    const at = { extension: extension.name, point: `${endpoint.method} ${endpoint.path}` };
    return send(reply, await guard.ask(at, async () => wholeAnswer(await endpoint.handler(seen(request, caller, store)))));
  } catch (thrown) {
    const error = asPlatformError(thrown);
    const body = Buffer.from(refusalBody(error, request.id));
    return send(reply, { status: httpStatusOf(error.code), headers: ["Content-Type", "application/json; charset=utf-8"], body });
  }
}

function send(reply: FastifyReply, { status, headers, body }: WholeAnswer): FastifyReply {
  for (let i = 0; i < headers.length; i += 2) reply.header(headers[i] as string, headers[i + 1]);
  return reply.code(status).send(body);
}

function seen(request: FastifyRequest, caller: Caller | null, store: Store): EndpointRequest {
  const target = request.raw.url ?? "/";
  const [path = "/"] = target.split("?");
  return {
    method: request.method,
    target,
    path,
    peer: request.ip,
    headers: request.raw.rawHeaders,
    header(name) {
      const value = request.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
    params: request.params as Readonly<Record<string, string>>,
    query: new URLSearchParams(target.slice(path.length)),
    body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
    namespaces: caller === null ? [] : caller.namespaces,
    store,
  };
}

function takenPath({ name }: Extension, { method, path }: Endpoint, holder: string): PlatformError {
  return new PlatformError(
    "invalid",
    `Extension ${name} can't be used: its endpoint ${method} ${path} is a path of ${holder}. To mend it: give it another path, such as /v2/${name}.`,
  );
}
