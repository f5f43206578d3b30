/** APIs made, listed and deleted, as the actions in `/whisk.system/apimgmt` of OpenWhisk do it. */
import type { Handler, HttpRequest } from "../../../http/http.ts";
import { asPlatformError } from "../../../model/error.ts";
import type { Api } from "../../../model/model.ts";
import { parseJson } from "../../../http/json.ts";
import { objectIn } from "../body.ts";
import { failureReply, identified, ownNamespaceOf } from "../callers.ts";
import { noRoute, status, wrongMethod } from "../errors.ts";
import { listLimits, sizeLimits } from "../limits.ts";
import { ownNamespace } from "../names.ts";
import { okReply } from "../ok-reply.ts";
import type { WskContext } from "../openwhisk.ts";
import { listQuery } from "../query.ts";
import { type Reply, sendReply, transactionOf } from "../reply.ts";
import { compileApi } from "./compile.ts";
import { type ApiDocument, type Endpoint, newDocument, withEndpoint, withoutEndpoint } from "./document.ts";
import { ApiFailure, failedReply } from "./errors.ts";
import { baseNameOf, type GivenApi, givenApi } from "./given.ts";
import { apiManagementRoute, gatewayRoute, unservedNamespace } from "./paths.ts";
import { Turns } from "./turns.ts";
import { checkParameters } from "./validate.ts";

/** One request. */
interface Asked {
  readonly context: WskContext;
  readonly request: HttpRequest;
  readonly query: URLSearchParams;
  /** Of the key; what the query says of one does not count. */
  readonly namespace: string;
  /** Runs a change when those of the same namespace are over that came before: each begins with what the last one left. */
  inTurn<T>(change: () => Promise<T>): Promise<T>;
}

interface Action {
  readonly method: string;
  readonly serve: (asked: Asked) => Promise<unknown>;
}

const actions: ReadonlyMap<string, Action> = new Map([
  ["getApi", { method: "GET", serve: readApis }],
  ["createApi", { method: "POST", serve: createApi }],
  ["deleteApi", { method: "DELETE", serve: deleteApi }],
]);

/** `changed` hears of each namespace whose APIs are no longer what they were. */
export function managementHandler(context: WskContext, changed: (namespace: string) => void): Handler {
  const turns = new Turns();
  return (request, response) => {
    const transaction = transactionOf(request, context.world);
    answer(context, request, { turns, changed })
      .catch((error: unknown) => {
        request.body.cancel();
        return error instanceof ApiFailure ? failedReply(error) : failureReply(context, request, error, transaction);
      })
      .then((reply) => sendReply(response, reply, transaction));
  };
}

interface Changes {
  readonly turns: Turns;
  changed(namespace: string): void;
}

async function answer(context: WskContext, request: HttpRequest, { turns, changed }: Changes): Promise<Reply> {
  const { method, path } = request;
  if (method === "OPTIONS") return { status: status.ok, headers: [], body: "" };
  const action = actions.get(path.slice(apiManagementRoute.prefix.length).replace(/\.http$/, ""));
  if (action === undefined) throw noRoute();
  if (method !== action.method) throw wrongMethod([action.method]);
  const namespace = ownNamespaceOf(await identified(context, request), ownNamespace);
  const query = new URLSearchParams(request.target.slice(path.length));
  const told = await action.serve({ context, request, query, namespace, inTurn: (change) => turns.take(namespace, change) });
  if (method !== "GET") changed(namespace);
  return okReply(told);
}

async function readApis(asked: Asked): Promise<unknown> {
  const { context, query, namespace } = asked;
  const base = query.get("basepath") ?? "";
  const { skip, limit } = listQuery(withLimit(query), "apis");
  const found = base === "" ? await context.store.gatewayApis.latest(namespace, { skip, limit }) : await apisOf(asked, base);
  return { apis: found.map((api) => ({ id: notUsed, key: notUsed, value: shown(asked, api) })) };
}

/** Whoever says nothing of it wants all. */
function withLimit(query: URLSearchParams): URLSearchParams {
  const limited = new URLSearchParams(query);
  if (!limited.has("limit")) limited.set("limit", String(listLimits.max));
  return limited;
}

/** By base path or title. */
async function apisOf({ context, namespace }: Asked, base: string): Promise<readonly Api[]> {
  const { gatewayApis } = context.store;
  if (!base.startsWith("/")) return await gatewayApis.titled(namespace, base);
  const found = await gatewayApis.getByName(namespace, baseNameOf(base));
  return found === undefined ? [] : [found];
}

async function createApi(asked: Asked): Promise<unknown> {
  const { context, request, query, namespace } = asked;
  const body = await objectIn(request, sizeLimits.payloadBytesMax);
  const given = givenApi(body, query.get("responsetype"), namespace);
  return await failing("API creation failure", async () => {
    if (namespace === unservedNamespace)
      throw new ApiFailure(`The namespace '${namespace}' can have no APIs: their URLs would be those of OpenWhisk's own.`);
    if ("endpoint" in given) await checkAction(context, given.endpoint);
    return shown(asked, await asked.inTurn(() => save(asked, given)));
  });
}

/** As OpenWhisk's own client does before it asks. A document may come before its actions. */
async function checkAction({ definition }: WskContext, { action }: Endpoint): Promise<void> {
  const { namespace, pkg, name } = action;
  const found = await Promise.resolve()
    .then(() => definition(namespace, { by: "name", app: pkg, name }))
    .catch((error: unknown) => {
      if (asPlatformError(error).code === "internal") throw error;
    });
  if (found?.fn.annotations["web-export"] === "true") return;
  const shownName = `/${namespace}/${pkg === null ? "" : `${pkg}/`}${name}`;
  throw new ApiFailure(`The action '${shownName}' does not exist, or is not a web action.`);
}

async function save(asked: Asked, given: GivenApi): Promise<Api> {
  const { context, namespace } = asked;
  const [before] = await apisOf(asked, "document" in given ? given.document.basePath : given.base);
  const document = "document" in given ? given.document : changedDocument(given, before);
  const name = baseNameOf(document.basePath);
  checkParameters(document);
  compileApi(document, namespace);
  const { store, world } = context;
  const now = world.now();
  const said = { title: titleOf(document), document: JSON.stringify(document), updatedAt: now };
  if (before !== undefined) return await store.gatewayApis.update({ ...before, ...said, revision: before.revision + 1 });
  return await store.gatewayApis.create({ ...said, id: world.newId(), namespace, name, revision: 1, createdAt: now });
}

function changedDocument({ base, title, endpoint }: Extract<GivenApi, { base: string }>, before: Api | undefined): ApiDocument {
  if (before !== undefined) return withEndpoint(documentOf(before), endpoint);
  if (!base.startsWith("/"))
    throw new ApiFailure(`API '${base}' does not exist. To make one, name its base path, which begins with '/'.`);
  return withEndpoint(newDocument(base, title ?? base), endpoint);
}

function titleOf({ info, basePath }: ApiDocument): string {
  const { title } = info as { readonly title?: unknown };
  return typeof title === "string" ? title : basePath;
}

async function deleteApi(asked: Asked): Promise<unknown> {
  const { query } = asked;
  const [base, path, verb] = ["basepath", "relpath", "operation"].map((name) => query.get(name) ?? "");
  if (base === undefined || base === "") throw new ApiFailure("basepath is required.");
  if (path === "" && verb !== "") throw new ApiFailure("When specifying an operation, the path is required.");
  const removed = () => remove(asked, base, path || null, verb?.toLowerCase() || null);
  await failing("API deletion failure", () => asked.inTurn(removed));
  return {};
}

async function remove(asked: Asked, base: string, path: string | null, verb: string | null): Promise<void> {
  const { context, namespace } = asked;
  const { gatewayApis } = context.store;
  const [api] = await apisOf(asked, base);
  if (api === undefined) throw new ApiFailure(`API '${base}' does not exist.`);
  if (path === null) return await gatewayApis.remove(namespace, api.id);
  const document = withoutEndpoint(documentOf(api), path, verb);
  if (document === undefined)
    throw new ApiFailure(`path '${path}'${verb === null ? "" : ` with operation '${verb}'`} does not exist in the API`);
  if (Object.keys(document.paths).length === 0) return await gatewayApis.remove(namespace, api.id);
  const change = { document: JSON.stringify(document), revision: api.revision + 1, updatedAt: context.world.now() };
  await gatewayApis.update({ ...api, ...change });
}

async function failing<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw error instanceof ApiFailure ? new ApiFailure(`${what}: ${error.message}`, { cause: error }) : error;
  }
}

function documentOf({ document }: Api): ApiDocument {
  return parseJson(document) as ApiDocument;
}

/** What OpenWhisk puts where it has nothing to say. */
const notUsed = "Not Used";

function shown({ context, request, namespace }: Asked, api: Api): object {
  return {
    namespace: notUsed,
    gwApiUrl: `${context.baseUrl(request)}${gatewayRoute.prefix}${encodeURI(`${namespace}${api.name}`).replace(/\/$/, "")}`,
    gwApiActivated: true,
    tenantId: notUsed,
    apidoc: documentOf(api),
  };
}
