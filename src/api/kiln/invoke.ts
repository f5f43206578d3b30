import type { Caller } from "../../auth/auth.ts";
import { readNothing, requestIdOf } from "../../http/framework.ts";
import { sandboxDocument } from "../../http/function-origin.ts";
import { credentialHeaders, endToEndHeaders } from "../../http/headers.ts";
import type { Handler, HttpRequest, HttpResponse } from "../../http/http.ts";
import { httpStatusOf } from "../../http/refusal.ts";
import type { FunctionReference, InvokeRequest, InvokeResult } from "../../invocation/invocation.ts";
import { asPlatformError, PlatformError } from "../../model/error.ts";
import { invalid } from "./check.ts";
import { type Door, nullApp, type Scope } from "./door.ts";
import { errorBody, errorHeaders } from "./errors.ts";
import type { KilnParts } from "./kiln.ts";
import { operation } from "./openapi.ts";
import { functionPath, invokeQuery } from "./schemas.ts";
import Type from "typebox";

const pattern = /^\/kiln\/v1\/namespaces\/([^/]+)\/apps\/([^/]+)\/functions\/([^/]+)\/invoke$/;

/** What the listener serves past the framework. Other methods go to the framework, which knows how to refuse them. */
export function isInvokePath(method: string, path: string): boolean {
  return method === "POST" && path.endsWith("/invoke") && pattern.test(path);
}

/** Calls a function: any body in, the function's own answer out, `Kiln-Activation-Id` beside it. */
export function invokeHandler(parts: KilnParts): Handler {
  return (request, response) => {
    serve(parts, request, response).catch((error: unknown) => {
      request.body.cancel();
      sendError(parts, request, response, asPlatformError(error), null);
    });
  };
}

async function serve(parts: KilnParts, request: HttpRequest, response: HttpResponse): Promise<void> {
  const { wait, revision } = optionsOf(request);
  const { namespace, target } = targetOf(request.path, revision);
  const identified = parts.identifier.identify(request);
  const caller: Caller = identified instanceof Promise ? await identified : identified;
  const headers = endToEndHeaders(request.headers, credentialHeaders);
  const call: InvokeRequest = { caller, namespace, target, headers, http: null, body: request.body };
  if (wait === "none") return accept(parts, call, response);
  const result = await parts.invoker.invoke(call, request.signal);
  sendResult(parts, request, response, result);
}

async function accept(parts: KilnParts, call: InvokeRequest, response: HttpResponse): Promise<void> {
  if (parts.invoker.accept === undefined) {
    throw new PlatformError("unsupported", "wait=none needs a queue, which this server does not have; use wait=result");
  }
  const { activationId } = await parts.invoker.accept(call);
  const location = `/kiln/v1/namespaces/${encodeURIComponent(call.namespace)}/activations/${activationId}`;
  const headers = ["Content-Type", "application/json; charset=utf-8", "Kiln-Activation-Id", activationId, "Location", location];
  response.send(202, headers, JSON.stringify({ activationId }));
}

function sendResult(parts: KilnParts, request: HttpRequest, response: HttpResponse, result: InvokeResult): void {
  if (!result.ok) return sendError(parts, request, response, result.error, result.activationId);
  const headers = endToEndHeaders(result.headers);
  headers.push("Kiln-Activation-Id", result.activationId);
  if (parts.functionOrigin !== "shared") sandboxDocument(headers);
  // A body that breaks off is in the call's record already; the listener cuts the connection.
  response.stream(result.status, headers, result.body, () => {});
}

function sendError(
  parts: KilnParts,
  request: HttpRequest,
  response: HttpResponse,
  error: PlatformError,
  activationId: string | null,
): void {
  const requestId = requestIdOf(request.header("x-request-id")) ?? parts.world.newId();
  if (error.code === "internal") parts.bug?.(error.cause ?? error, requestId);
  const headers = errorHeaders(error);
  headers.push("X-Request-Id", requestId);
  if (activationId !== null) headers.push("Kiln-Activation-Id", activationId);
  response.send(httpStatusOf(error.code), headers, errorBody(error, requestId));
}

function targetOf(path: string, revision: number | undefined): { namespace: string; target: FunctionReference } {
  const match = pattern.exec(path) as RegExpExecArray;
  const [namespace, app, name] = match.slice(1).map(decoded) as [string, string, string];
  return { namespace, target: { by: "name", app: app === nullApp ? null : app, name, revision } };
}

function decoded(part: string): string {
  try {
    return part.includes("%") ? decodeURIComponent(part) : part;
  } catch {
    throw new PlatformError("invalid", `The path has a percent sign that begins no character: ${part.slice(0, 60)}`);
  }
}

interface InvokeOptions {
  readonly wait: "result" | "none";
  readonly revision: number | undefined;
}

const noOptions: InvokeOptions = { wait: "result", revision: undefined };

function optionsOf({ target, path }: HttpRequest): InvokeOptions {
  if (target.length === path.length) return noOptions;
  const query = new URLSearchParams(target.slice(path.length));
  const wait = query.get("wait") ?? "result";
  if (wait !== "result" && wait !== "none")
    throw invalid("wait", `query wait is ${JSON.stringify(wait.slice(0, 60))}, must be result or none`);
  const revision = query.get("revision") ?? undefined;
  if (revision !== undefined && !/^[1-9]\d{0,14}$/.test(revision))
    throw invalid("revision", `query revision is ${JSON.stringify(revision.slice(0, 60))}, must be a whole number from 1`);
  return { wait, revision: revision === undefined ? undefined : Number(revision) };
}

/** The same handler behind the framework: for its document, and for requests that come another way than the listener's. */
export function registerInvoke({ scope, framework }: Door, handler: Handler): void {
  void scope.register(async (inner) => {
    readNothing(inner as Scope);
    inner.post(
      "/v1/namespaces/:ns/apps/:app/functions/:fn/invoke",
      {
        schema: {
          ...operation(
            "invoke",
            "Functions",
            "Call a function: any body in, its own answer out",
            Type.Unknown({ description: "What the function answered" }),
          ),
          params: functionPath,
          querystring: invokeQuery,
        },
      },
      (request, reply) => framework.run(handler, request, reply),
    );
  });
}
