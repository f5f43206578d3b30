/**
 * Invocation: `POST /invoke/{fn_id}` and `/t/{app}/{source...}`.
 *
 * `Fn-Invoke-Type: detached` on /invoke runs the call to its end and then answers 200 with an empty body and the function's
 * headers, as the stock single-node server does; 202 at once needs a durable queue, which there is none of yet. Any other
 * word, and any on a trigger, is a synchronous call.
 */
import { credentialHeaders, endToEndHeaders } from "../../http/headers.ts";
import type { Caller } from "../../auth/auth.ts";
import type { Handler, HttpRequest, HttpResponse } from "../../http/http.ts";
import type { FunctionReference, InvokeResult } from "../../invocation/invocation.ts";
import type { BodySource } from "../../lib/body.ts";
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
    const result = await invoke(context, request, { by: "id", functionId }, null);
    if (!result.ok) return sendFailure(context, response, result, notFound("Fn"));
    const headers = invokeHeaders(result.status, result.headers, result.activationId);
    if (request.header("fn-invoke-type") !== "detached") {
      response.stream(status.ok, headers, result.body, ignoreEnd);
      return;
    }
    const failure = await drain(result.body);
    if (failure === undefined) response.send(status.ok, headers, "");
    else sendReply(response, failureReply(context, failure, result.activationId));
  });
}

/** See `fnTrigger`. */
export function triggerHandler(context: FnContext): Handler {
  return handler(context, async (request, response) => {
    const { app, source, target } = routeIn(request);
    const http = { method: request.method, url: context.baseUrl(request).replace(/\/+$/, "") + request.target, target };
    const result = await invoke(context, request, { by: "route", app, source }, http);
    if (!result.ok) return sendFailure(context, response, result, absentOf(result.error));
    const headers = triggerHeaders(result.headers, result.activationId);
    response.stream(result.status, headers, result.body, ignoreEnd);
  });
}

function handler(context: FnContext, serve: (request: HttpRequest, response: HttpResponse) => Promise<void>): Handler {
  return (request, response) => {
    serve(request, response).catch((error: unknown) => sendReply(response, failureReply(context, error, null)));
  };
}

async function invoke(
  context: FnContext,
  request: HttpRequest,
  target: FunctionReference,
  http: HttpOrigin | null,
): Promise<InvokeResult> {
  const { namespace, invoker } = context;
  // On loopback a route is open, and its Authorization is between the client and the function; everywhere else it is the platform's.
  const isOpen = http !== null && request.loopback;
  const identified = isOpen ? openRoute : context.identify(request);
  const caller = identified instanceof Promise ? await identified : identified;
  const headers = endToEndHeaders(request.headers, isOpen ? undefined : credentialHeaders);
  return invoker.invoke({ caller, namespace, target, headers, http, body: request.body }, request.signal);
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
  { error, activationId }: Extract<InvokeResult, { ok: false }>,
  absent: PlatformError,
): void {
  sendReply(response, failureReply(context, error.code === "not_found" ? absent : error, activationId));
}

function failureReply(context: FnContext, thrown: unknown, callId: string | null) {
  const error = asPlatformError(thrown);
  if (error.code === "internal") context.failed?.(error);
  return errorReply(error, callId);
}

/** Reads a body away; the failure if it broke off. */
function drain(body: BodySource): Promise<PlatformError | undefined> {
  return new Promise((resolve) => {
    body.pipe({
      chunk: () => true,
      end: () => resolve(undefined),
      fail: (error) =>
        resolve(error instanceof PlatformError ? error : new PlatformError("function_exited", error.message, { cause: error })),
    });
  });
}
