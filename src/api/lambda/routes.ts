/** Which method and path is which operation. */
import type { Handler, HttpRequest } from "../../http/http.ts";
import { parseJson } from "../../http/json.ts";
import { readBody } from "../../lib/body.ts";
import { asPlatformError } from "../../model/error.ts";
import { getAccountSettings } from "./account.ts";
import { createAlias, getAlias, listAliases, removeAlias, updateAlias } from "./aliases.ts";
import { failureReply, namespaceOf, openedBy } from "./callers.ts";
import { codeBehind, isCodeLink } from "./code-link.ts";
import { getConcurrency, putConcurrency, removeConcurrency } from "./concurrency.ts";
import { codeTooLarge, invalidContent, unknownOperation } from "./errors.ts";
import { getEventConfig, listEventConfigs, putEventConfig, removeEventConfig, updateEventConfig } from "./event-invoke.ts";
import type { Exchange } from "./exchange.ts";
import type { Json } from "./fields.ts";
import { createFunction, getConfiguration, getFunction, removeFunction, updateCode, updateConfiguration } from "./functions.ts";
import { invokeHandler } from "./invoke.ts";
import type { LambdaContext } from "./lambda.ts";
import { lambdaLimits } from "./limits.ts";
import { listFunctions } from "./lists.ts";
import { nameIn } from "./names.ts";
import { invokePath, streamPath } from "./paths.ts";
import { addPermission, getPolicy, removePermission } from "./policy.ts";
import { getProvisioned, putProvisioned, removeProvisioned } from "./provisioned.ts";
import { type Reply, sendReply } from "./reply.ts";
import { streamHandler } from "./stream.ts";
import { listTags, tag, untag } from "./tags.ts";
import { listVersions, publishVersion } from "./versions.ts";

type Serve = (exchange: Exchange) => Promise<Reply>;

/** A path, with what it is called by method. */
interface Endpoint {
  readonly path: RegExp;
  readonly methods: Readonly<Record<string, Serve>>;
}

const endpoints: readonly Endpoint[] = [
  { path: /^\/2015-03-31\/functions\/?$/, methods: { GET: listFunctions, POST: createFunction } },
  { path: functionPath("2015-03-31", ""), methods: { GET: getFunction, DELETE: removeFunction } },
  { path: functionPath("2015-03-31", "configuration"), methods: { GET: getConfiguration, PUT: updateConfiguration } },
  { path: functionPath("2015-03-31", "code"), methods: { PUT: updateCode } },
  { path: functionPath("2015-03-31", "versions"), methods: { GET: listVersions, POST: publishVersion } },
  { path: functionPath("2015-03-31", "aliases"), methods: { GET: listAliases, POST: createAlias } },
  {
    path: functionPath("2015-03-31", "aliases/(?<alias>[^/]+)"),
    methods: { GET: getAlias, PUT: updateAlias, DELETE: removeAlias },
  },
  { path: functionPath("2015-03-31", "policy"), methods: { GET: getPolicy, POST: addPermission } },
  { path: functionPath("2015-03-31", "policy/(?<statement>[^/]+)"), methods: { DELETE: removePermission } },
  { path: functionPath("2017-10-31", "concurrency"), methods: { PUT: putConcurrency, DELETE: removeConcurrency } },
  {
    path: functionPath("2019-09-30", "provisioned-concurrency"),
    methods: { GET: getProvisioned, PUT: putProvisioned, DELETE: removeProvisioned },
  },
  { path: functionPath("2019-09-30", "concurrency"), methods: { GET: getConcurrency } },
  {
    path: functionPath("2019-09-25", "event-invoke-config"),
    methods: { GET: getEventConfig, PUT: putEventConfig, POST: updateEventConfig, DELETE: removeEventConfig },
  },
  { path: functionPath("2019-09-25", "event-invoke-config/list"), methods: { GET: listEventConfigs } },
  { path: /^\/2017-03-31\/tags\/(?<fn>[^/]+)$/, methods: { GET: listTags, POST: tag, DELETE: untag } },
  { path: /^\/2016-08-19\/account-settings\/?$/, methods: { GET: getAccountSettings } },
];

function functionPath(date: string, below: string): RegExp {
  return new RegExp(`^/${date}/functions/(?<fn>[^/]+)${below === "" ? "" : `/${below}`}/?$`);
}

/** See `lambdaManagement`. */
export function managementHandler(context: LambdaContext): Handler {
  const invoke = invokeHandler(context);
  const stream = streamHandler(context);
  return (request, response) => {
    if (request.method === "POST" && invokePath.test(request.path)) return invoke(request, response);
    if (request.method === "POST" && streamPath.test(request.path)) return stream(request, response);
    answer(context, request)
      .catch((error: unknown) => {
        request.body.cancel();
        return failureReply(context, error);
      })
      .then((reply) => sendReply(response, reply, context.world.newId()));
  };
}

async function answer(context: LambdaContext, request: HttpRequest): Promise<Reply> {
  if (isCodeLink(request)) return await codeBehind(context, request);
  const { serve, parts } = servedAt(request);
  const open = await openedBy(context, request);
  const bytes = await readBody(request.body, lambdaLimits.bodyBytesMax, () => codeTooLarge(lambdaLimits.bodyBytesMax));
  const namespace = namespaceOf(open.verify(bytes));
  const query = new URLSearchParams(request.target.slice(request.path.length));
  const { fn, ...others } = parts;
  const named =
    fn === undefined ? { app: null, name: "", qualifier: null } : nameIn(fn, query.get("Qualifier"), context.identity);
  return await serve({ context, request, query, namespace, function: named, parts: decodedParts(others), body: bodyIn(bytes) });
}

type Parts = Readonly<Record<string, string>>;

/** Throws `Refusal`. */
function servedAt({ method, path }: HttpRequest): { readonly serve: Serve; readonly parts: Parts } {
  for (const endpoint of endpoints) {
    const match = endpoint.path.exec(path);
    const serve = Object.hasOwn(endpoint.methods, method) ? endpoint.methods[method] : undefined;
    if (match !== null && serve !== undefined) return { serve, parts: { ...match.groups } };
  }
  throw unknownOperation(method, path);
}

function decodedParts(parts: Parts): Parts {
  return Object.fromEntries(Object.entries(parts).map(([name, text]) => [name, decoded(text)]));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Throws `Refusal`. */
function bodyIn(bytes: Buffer): Json {
  if (bytes.length === 0) return {};
  const value = valueIn(bytes.toString());
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalidContent("The request body is no JSON object");
  return value as Json;
}

function valueIn(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw invalidContent(`Could not parse request body into json: ${asPlatformError(error).message}`);
  }
}
