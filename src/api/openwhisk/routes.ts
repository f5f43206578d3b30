/** Which method and path leads where, and who may go there. */
import type { Handler, HttpRequest } from "../../http/http.ts";
import { getAction, listActions, putAction, removeAction } from "./actions.ts";
import { getActivation, getActivationLogs, getActivationResult, listActivations } from "./activations.ts";
import { entitled, failureReply, identified, ownNamespaceOf } from "./callers.ts";
import { withoutDots } from "./dotted-path.ts";
import { illegalName, noRoute, status, wrongMethod } from "./errors.ts";
import { apiInfo } from "./info.ts";
import { fireHandler } from "./fire.ts";
import { firePath, invokePath } from "./invoke-path.ts";
import { invokeHandler } from "./invoke.ts";
import { type ActionName, nameIn, namespaceIn, ownNamespace, pathOf } from "./names.ts";
import { getLimits, listNamespaces } from "./namespaces.ts";
import { okReply } from "./ok-reply.ts";
import type { WskContext } from "./openwhisk.ts";
import { getPackage, listPackages, putPackage, removePackage } from "./packages.ts";
import { type Reply, sendReply, transactionOf } from "./reply.ts";
import { getRule, listRules, postRule, putRule, removeRule } from "./rules.ts";
import { swagger } from "./swagger.ts";
import { webRoute } from "./web/paths.ts";
import { webHandler } from "./web/web.ts";
import { getTrigger, listTriggers, putTrigger, removeTrigger } from "./triggers.ts";

/** One request, as those who serve it see it. */
export interface Exchange {
  readonly context: WskContext;
  readonly request: HttpRequest;
  readonly query: URLSearchParams;
  /** The caller's own. */
  readonly namespace: string;
  /** The one in the path: another one only where something of it may be shared. */
  readonly owner: string;
  /** What the path says, where it says that. */
  readonly action: ActionName;
  /** The same of what is no action. */
  readonly name: string;
  readonly activationId: string;
}

/** Calls and events have handlers of their own. */
type Serve = ((exchange: Exchange) => Promise<Reply>) | "invoke" | "fire";

interface Method {
  readonly about: string;
  readonly serve: Serve;
  /** Who has no right to the namespace may ask as well, always or of what is in a package, and is told what it shares. Absent: nobody. */
  readonly shared?: "always" | "packaged";
}

/** A path below `/api/v1`, as its pattern and as the document has it. */
export interface Endpoint {
  readonly path: RegExp;
  readonly shown: string;
  readonly methods: Readonly<Record<string, Method>>;
}

const inNamespace = "/namespaces/{namespace}";

export const endpoints: readonly Endpoint[] = [
  {
    path: /^\/namespaces\/?$/,
    shown: "/namespaces",
    methods: { GET: { about: "The namespaces of the key", serve: listNamespaces } },
  },
  {
    path: /^\/namespaces\/(?<ns>[^/]+)\/limits$/,
    shown: `${inNamespace}/limits`,
    methods: { GET: { about: "The limits of the namespace", serve: getLimits } },
  },
  {
    path: /^\/namespaces\/(?<ns>[^/]+)\/actions\/?$/,
    shown: `${inNamespace}/actions`,
    methods: { GET: { about: "The actions, the last changed first", serve: listActions } },
  },
  {
    path: /^\/namespaces\/(?<ns>[^/]+)\/actions\/(?<pkg>[^/]+)\/$/,
    shown: `${inNamespace}/actions/{package}/`,
    methods: { GET: { about: "The actions of a package", serve: listActions, shared: "packaged" } },
  },
  {
    path: /^\/namespaces\/(?<ns>[^/]+)\/actions\/(?:(?<pkg>[^/]+)\/)?(?<name>[^/]+)$/,
    shown: `${inNamespace}/actions/{action}`,
    methods: {
      GET: { about: "An action", serve: getAction, shared: "packaged" },
      PUT: { about: "Create an action, or with overwrite change it", serve: putAction },
      POST: { about: "Invoke an action", serve: "invoke" },
      DELETE: { about: "Delete an action", serve: removeAction },
    },
  },
  {
    path: /^\/namespaces\/(?<ns>[^/]+)\/packages\/?$/,
    shown: `${inNamespace}/packages`,
    methods: { GET: { about: "The packages, the last changed first", serve: listPackages, shared: "always" } },
  },
  {
    path: /^\/namespaces\/(?<ns>[^/]+)\/packages\/(?<name>[^/]+)$/,
    shown: `${inNamespace}/packages/{package}`,
    methods: {
      GET: { about: "A package and what is in it", serve: getPackage, shared: "always" },
      PUT: { about: "Create a package or a binding, or with overwrite change it", serve: putPackage },
      DELETE: { about: "Delete a package, with force also what is in it", serve: removePackage },
    },
  },
  {
    path: /^\/namespaces\/(?<ns>[^/]+)\/triggers\/?$/,
    shown: `${inNamespace}/triggers`,
    methods: { GET: { about: "The triggers, the last changed first", serve: listTriggers } },
  },
  {
    path: /^\/namespaces\/(?<ns>[^/]+)\/triggers\/(?<name>[^/]+)$/,
    shown: `${inNamespace}/triggers/{trigger}`,
    methods: {
      GET: { about: "A trigger and its rules", serve: getTrigger },
      PUT: { about: "Create a trigger, or with overwrite change it", serve: putTrigger },
      POST: { about: "Fire a trigger", serve: "fire" },
      DELETE: { about: "Delete a trigger; its rules stay", serve: removeTrigger },
    },
  },
  {
    path: /^\/namespaces\/(?<ns>[^/]+)\/rules\/?$/,
    shown: `${inNamespace}/rules`,
    methods: { GET: { about: "The rules, the last changed first", serve: listRules } },
  },
  {
    path: /^\/namespaces\/(?<ns>[^/]+)\/rules\/(?<name>[^/]+)$/,
    shown: `${inNamespace}/rules/{rule}`,
    methods: {
      GET: { about: "A rule", serve: getRule },
      PUT: { about: "Create a rule, or with overwrite change it", serve: putRule },
      POST: { about: "Switch a rule on or off", serve: postRule },
      DELETE: { about: "Delete a rule", serve: removeRule },
    },
  },
  {
    path: /^\/namespaces\/(?<ns>[^/]+)\/activations\/?$/,
    shown: `${inNamespace}/activations`,
    methods: { GET: { about: "The activations, the newest first", serve: listActivations } },
  },
  {
    path: /^\/namespaces\/(?<ns>[^/]+)\/activations\/(?<id>[^/]+)$/,
    shown: `${inNamespace}/activations/{activation}`,
    methods: { GET: { about: "An activation", serve: getActivation } },
  },
  {
    path: /^\/namespaces\/(?<ns>[^/]+)\/activations\/(?<id>[^/]+)\/logs$/,
    shown: `${inNamespace}/activations/{activation}/logs`,
    methods: { GET: { about: "What an activation printed", serve: getActivationLogs } },
  },
  {
    path: /^\/namespaces\/(?<ns>[^/]+)\/activations\/(?<id>[^/]+)\/result$/,
    shown: `${inNamespace}/activations/{activation}/result`,
    methods: { GET: { about: "What an activation answered", serve: getActivationResult } },
  },
];

const base = "/api/v1";

/** See `openWhiskManagement`. */
export function managementHandler(context: WskContext): Handler {
  const invoke = invokeHandler(context);
  const fire = fireHandler(context);
  const web = webHandler(context, "");
  return (asked, response) => {
    const request = withoutDots(asked) ?? asked;
    if (request.method === "POST" && invokePath.test(request.path)) return invoke(request, response);
    if (request.method === "POST" && firePath.test(request.path)) return fire(request, response);
    if (request.path.startsWith(webRoute.prefix)) return web(request, response);
    const transaction = transactionOf(request, context.world);
    answer(context, request)
      .catch((error: unknown) => failureReply(context, request, error, transaction))
      .then((reply) => sendReply(response, reply, transaction));
  };
}

async function answer(context: WskContext, request: HttpRequest): Promise<Reply> {
  const { method, path } = request;
  if (method === "OPTIONS") return { status: status.ok, headers: [], body: "" };
  const open = method === "GET" ? openReply(context, path) : undefined;
  if (open !== undefined) return open;
  const found = endpointAt(path.slice(base.length));
  if (found === undefined) throw noRoute();
  const { endpoint, parts } = found;
  const served = Object.hasOwn(endpoint.methods, method) ? endpoint.methods[method] : undefined;
  if (served === undefined || served.serve === "invoke" || served.serve === "fire")
    throw wrongMethod(Object.keys(endpoint.methods));
  return await served.serve(await exchangeOf(context, request, parts, served.shared));
}

/** What needs no key. */
function openReply(context: WskContext, path: string): Reply | undefined {
  if (path === base || path === `${base}/`) return okReply(apiInfo(context.version));
  if (path === `${base}/api-docs`) return okReply(swagger(endpoints));
  if (path === "/ping") return { status: status.ok, headers: ["Content-Type", "text/plain; charset=UTF-8"], body: "pong" };
  return undefined;
}

type Parts = Readonly<Record<string, string | undefined>>;

function endpointAt(path: string): { readonly endpoint: Endpoint; readonly parts: Parts } | undefined {
  for (const endpoint of endpoints) {
    const match = endpoint.path.exec(path);
    if (match !== null) return { endpoint, parts: match.groups ?? {} };
  }
  return undefined;
}

/** Names are looked at before the caller's rights. */
async function exchangeOf(context: WskContext, request: HttpRequest, parts: Parts, shared: Method["shared"]): Promise<Exchange> {
  const { ns = ownNamespace, pkg, name, id = "" } = parts;
  const caller = await identified(context, request);
  const asked = namespaceIn(ns);
  const action = { pkg: pkg === undefined ? null : nameIn(pkg), name: name === undefined ? "" : nameIn(name) };
  const isShared = shared === "always" || (shared === "packaged" && pkg !== undefined);
  const namespace = isShared
    ? ownNamespaceOf(caller, asked)
    : entitled(caller, asked, name === undefined ? null : pathOf(action));
  const owner = asked === ownNamespace ? namespace : asked;
  const query = new URLSearchParams(request.target.slice(request.path.length));
  return { context, request, query, namespace, owner, action, name: action.name, activationId: idIn(id) };
}

function idIn(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw illegalName();
  }
}
