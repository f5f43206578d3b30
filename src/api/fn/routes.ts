/** The management API: which method and path leads where. */
import { authorize } from "../../auth/authorize.ts";
import type { Handler, HttpRequest } from "../../http/http.ts";
import { readBody } from "../../lib/body.ts";
import { PlatformError, asPlatformError } from "../../model/error.ts";
import type { App, Fn } from "../../model/model.ts";
import type { Store } from "../../store/store.ts";
import { createApp, getApp, listApps, removeApp, updateApp } from "./apps.ts";
import { getCall, getLog, getResult, listCalls } from "./calls.ts";
import { errorReply, methodNotAllowed, pathNotFound } from "./errors.ts";
import type { FnContext } from "./fn.ts";
import { createFn, getFn, listFns, removeFn, updateFn } from "./fns.ts";
import { fnLimits } from "./limits.ts";
import { decodePath } from "./path.ts";
import { movedReply, object, okReply, text } from "./render.ts";
import type { Reply } from "./reply.ts";
import { sendReply } from "./reply.ts";
import { createTrigger, getTrigger, getTriggerBySource, listTriggers, removeTrigger, updateTrigger } from "./triggers.ts";

/** One request, as those who serve it see it. */
export interface Exchange {
  readonly store: Store;
  readonly namespace: string;
  readonly calls: FnContext["calls"];
  readonly logs: FnContext["logs"];
  readonly functionOrigin: FnContext["functionOrigin"];
  /** The first id in the path, decoded; "" where the path has none. */
  readonly id: string;
  /** What else the path says. */
  readonly rest: readonly string[];
  readonly query: URLSearchParams;
  /** The values of the header Accept. */
  readonly accept: readonly string[];
  /** Empty for methods without a body. */
  readonly body: Buffer;
  /** Without a slash at the end. */
  readonly baseUrl: string;
  readonly urls: FnContext["urls"];
  now(): number;
  newId(): string;
  changed(ids: readonly string[]): void;
  expect(fn: Fn, app: App | null): void;
}

type Serve = (exchange: Exchange) => Promise<Reply>;
type Methods = Readonly<Partial<Record<string, Serve>>>;

const endpoints: readonly { readonly path: RegExp; readonly methods: Methods }[] = [
  { path: /^\/v2\/apps$/, methods: { GET: listApps, POST: createApp } },
  { path: /^\/v2\/apps\/([^/]+)$/, methods: { GET: getApp, PUT: updateApp, DELETE: removeApp } },
  { path: /^\/v2\/fns$/, methods: { GET: listFns, POST: createFn } },
  { path: /^\/v2\/fns\/([^/]+)$/, methods: { GET: getFn, PUT: updateFn, DELETE: removeFn } },
  { path: /^\/v2\/fns\/([^/]+)\/calls$/, methods: { GET: listCalls } },
  { path: /^\/v2\/fns\/([^/]+)\/calls\/([^/]+)$/, methods: { GET: getCall } },
  { path: /^\/v2\/fns\/([^/]+)\/calls\/([^/]+)\/log$/, methods: { GET: getLog } },
  { path: /^\/v2\/fns\/([^/]+)\/calls\/([^/]+)\/result$/, methods: { GET: getResult } },
  { path: /^\/v2\/triggers$/, methods: { GET: listTriggers, POST: createTrigger } },
  { path: /^\/v2\/triggers\/([^/]+)$/, methods: { GET: getTrigger, PUT: updateTrigger, DELETE: removeTrigger } },
  { path: /^\/v2\/runner\/apps\/([^/]+)\/triggerBySource\/([^/]+)\/(.*)$/s, methods: { GET: getTriggerBySource } },
];

/** See `fnManagement`. */
export function managementHandler(context: FnContext): Handler {
  return (request, response) => {
    answer(context, request)
      .catch((error: unknown) => failure(context, error))
      .then((reply) => sendReply(response, reply));
  };
}

async function answer(context: FnContext, request: HttpRequest): Promise<Reply> {
  const path = decodePath(request.path);
  const open = openReply(context, path);
  if (open !== undefined && request.method === "GET") return open;
  const found = find(path);
  const serve = methodOf(found?.methods, request.method);
  if (found !== undefined && serve !== undefined) {
    authorize(await context.identify(request), context.namespace);
    return serve(await exchangeOf(context, request, found.parts));
  }
  if (found !== undefined || open !== undefined) throw methodNotAllowed(request.method, path);
  if (hasSlashTooMany(context, request.method, path)) return movedReply(request.method, withoutSlash(request));
  throw pathNotFound(request.method, path);
}

/** What anybody may read: that we live, and which version. */
function openReply(context: FnContext, path: string): Reply | undefined {
  if (path === "/") return greetingReply(context);
  if (path === "/version") return okReply(object([["version", text(context.version)]]));
  return undefined;
}

function greetingReply({ greeting }: FnContext): Reply {
  const others = Object.entries(greeting?.() ?? {}).map(([name, value]) => [name, JSON.stringify(value)] as const);
  const reply = okReply(object([["goto", text("https://github.com/fnproject/fn")], ["hello", text("world!")], ...others]));
  // wskdeploy compares the type as it stands, and takes another one for a server that has nothing to tell.
  return greeting === undefined ? reply : { ...reply, headers: ["Content-Type", "application/json; charset=UTF-8"] };
}

function find(path: string): { methods: Methods; parts: readonly string[] } | undefined {
  for (const endpoint of endpoints) {
    const [whole, ...parts] = endpoint.path.exec(path) ?? [];
    if (whole !== undefined) return { methods: endpoint.methods, parts };
  }
  return undefined;
}

function methodOf(methods: Methods | undefined, method: string): Serve | undefined {
  return methods !== undefined && Object.hasOwn(methods, method) ? methods[method] : undefined;
}

async function exchangeOf(context: FnContext, request: HttpRequest, parts: readonly string[]): Promise<Exchange> {
  const { store, namespace, world, calls, logs, functionOrigin } = context;
  const [id = "", ...rest] = parts;
  return {
    store,
    namespace,
    calls,
    logs,
    functionOrigin,
    id,
    rest,
    accept: request.headers.filter((_, at) => request.headers[at - 1]?.toLowerCase() === "accept" && at % 2 === 1),
    query: new URLSearchParams(request.target.slice(request.path.length)),
    body: await bodyOf(request),
    baseUrl: context.baseUrl(request).replace(/\/+$/, ""),
    urls: context.urls,
    now: () => world.now(),
    newId: () => world.newId(),
    changed: (ids) => context.changed(ids),
    expect: (fn, app) => context.expect?.(fn, app),
  };
}

async function bodyOf(request: HttpRequest): Promise<Buffer> {
  if (request.method !== "POST" && request.method !== "PUT") return Buffer.alloc(0);
  const bytesMax = fnLimits.requestBytesMax;
  const tooLarge = () => new PlatformError("too_large", `The body is over ${bytesMax} bytes`, { details: { bytesMax } });
  return readBody(request.body, bytesMax, tooLarge);
}

function hasSlashTooMany(context: FnContext, method: string, path: string): boolean {
  const trimmed = path.slice(0, -1);
  if (!path.endsWith("/") || trimmed === "/") return false;
  if (method === "GET" && openReply(context, trimmed) !== undefined) return true;
  return methodOf(find(trimmed)?.methods, method) !== undefined;
}

function withoutSlash(request: HttpRequest): string {
  return request.path.replace(/(?:\/|%2[fF])$/, "") + request.target.slice(request.path.length);
}

function failure(context: FnContext, thrown: unknown): Reply {
  const error = asPlatformError(thrown);
  if (error.code === "internal") context.failed?.(error);
  return errorReply(error);
}
