/**
 * Invocation: `POST /invoke/{fn_id}` and `/t/{app}/{source...}`.
 *
 * `Fn-Invoke-Type: detached` on /invoke answers 202 with `Fn-Call-Id` and no body as soon as the call can't be lost, where Fn needs a
 * load balancer for that. Any other word, and any on a trigger, is a synchronous call.
 */
import { sandboxDocument } from "../../http/function-origin.ts";
import { credentialHeaders, endToEndHeaders } from "../../http/headers.ts";
import type { Caller } from "../../auth/auth.ts";
import type { Handler, HttpRequest, HttpResponse } from "../../http/http.ts";
import type { FunctionReference, InvokeRequest, InvokeResult } from "../../invocation/invocation.ts";
import { PlatformError, asPlatformError } from "../../model/error.ts";
import type { HttpOrigin } from "../../protocol/protocol.ts";
import { errorReply, methodNotAllowed, notFound, pathNotFound, status } from "./errors.ts";
import type { FnContext } from "./fn.ts";
import { invokeHeaders, triggerHeaders } from "./headers.ts";
import { fnLimits, isPathParameter } from "./limits.ts";
import { decodePath } from "./path.ts";
import { sendReply } from "./reply.ts";

/** See `fnInvoke`. */
export function invokeHandler(context: FnContext): Handler {
  return handler(context, async (request, response) => {
    const functionId = idIn(request);
    const call = await callOf(context, request, { by: "id", functionId }, null);
    if (request.header("fn-invoke-type") === "detached") return await detach(context, call, response);
    const result = await context.invoker.invoke(call, request.signal);
    if (!result.ok) return sendFailure(context, response, result, notFound("Fn"));
    const headers = invokeHeaders(result.status, result.headers, result.activationId);
    if (context.functionOrigin !== "shared") sandboxDocument(headers);
    response.stream(status.ok, headers, result.body, ignoreEnd);
  });
}

async function detach(context: FnContext, call: InvokeRequest, response: HttpResponse): Promise<void> {
  const { invoker } = context;
  try {
    if (invoker.accept === undefined)
      throw new PlatformError("unsupported", "Detach call functions are not supported on this server");
    const { activationId } = await invoker.accept(call);
    response.send(status.accepted, ["Fn-Call-Id", activationId], "");
  } catch (thrown) {
    sendFailure(context, response, { error: asPlatformError(thrown), activationId: null }, notFound("Fn"));
  }
}

/** See `fnTrigger`. */
export function triggerHandler(context: FnContext): Handler {
  return handler(context, async (request, response) => {
    const { app, source, target } = routeIn(request);
    const http = { method: request.method, url: context.baseUrl(request).replace(/\/+$/, "") + request.target, target };
    const call = await callOf(context, request, { by: "route", app, source }, http);
    const result = await context.invoker.invoke(call, request.signal);
    if (!result.ok) return sendFailure(context, response, result, absentOf(result.error));
    const headers = triggerHeaders(result.headers, result.activationId);
    if (context.functionOrigin !== "shared") sandboxDocument(headers);
    response.stream(result.status, headers, result.body, ignoreEnd);
  });
}

function handler(context: FnContext, serve: (request: HttpRequest, response: HttpResponse) => Promise<void>): Handler {
  return (request, response) => {
    serve(request, response).catch((error: unknown) => sendReply(response, failureReply(context, error, null)));
  };
}

async function callOf(
  context: FnContext,
  request: HttpRequest,
  target: FunctionReference,
  http: HttpOrigin | null,
): Promise<InvokeRequest> {
  const { namespace } = context;
  // On loopback a route is open, and its Authorization is between the client and the function; everywhere else it is the platform's.
  const isOpen = http !== null && request.loopback;
  const identified = isOpen ? openRoute : context.identify(request);
  const caller = identified instanceof Promise ? await identified : identified;
  const headers = endToEndHeaders(request.headers, isOpen ? undefined : credentialHeaders);
  return { caller, namespace, target, headers, http, body: request.body };
}

const openRoute: Caller = { name: "route", namespaces: null };

/** A broken answer cuts the connection, which is the listener's work; the record of the call is the invocation's. */
function ignoreEnd(): void {}

/** The function's id in the path. Throws what Fn answers to another path or method. */
function idIn(request: HttpRequest): string {
  const path = decodePath(request.path);
  const id = path.slice("/invoke/".length);
  if (id === "" || id.includes("/")) throw pathNotFound(request.method, path);
  if (request.method !== "POST") throw methodNotAllowed(request.method, path);
  if (!isPathParameter(id)) throw notFound("Fn");
  return id;
}

/** `source` is decoded and matched; `target` is what an HTTP function sees: the same path as it was sent, with the query. */
function routeIn(request: HttpRequest): { app: string; source: string; target: string } {
  const [name, rest] = cut(request.path.slice("/t/".length));
  const app = decodePath(name);
  if (app === "") throw pathNotFound(request.method, decodePath(request.path));
  if (Buffer.byteLength(app) > fnLimits.nameBytesMax) throw notFound("App");
  return { app, source: decodePath(rest), target: rest + request.target.slice(request.path.length) };
}

/** The first segment, and the rest from its slash on; "/" when there is none. */
function cut(path: string): [first: string, rest: string] {
  const slash = path.indexOf("/");
  return slash < 0 ? [path, "/"] : [path.slice(0, slash), path.slice(slash)];
}

/** What a route's call did not find, by the detail that invocation/ gives; a namespace that is not theirs looks like no app. */
function absentOf(error: PlatformError): PlatformError {
  switch (error.details["what"]) {
    case "route":
      return notFound("Trigger");
    case "function":
      return notFound("Fn");
    default:
      return notFound("App");
  }
}

/** `absent`: what to say instead of not_found, in Fn's words. */
function sendFailure(
  context: FnContext,
  response: HttpResponse,
  { error, activationId }: Pick<Extract<InvokeResult, { ok: false }>, "error" | "activationId">,
  absent: PlatformError,
): void {
  sendReply(response, failureReply(context, error.code === "not_found" ? absent : error, activationId));
}

function failureReply(context: FnContext, thrown: unknown, callId: string | null) {
  const error = asPlatformError(thrown);
  if (error.code === "internal") context.failed?.(error);
  return errorReply(error, callId);
}
