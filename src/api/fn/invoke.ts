/**
 * Invocation: `POST /invoke/{fn_id}`, `/t/{app}/{source...}` and, for functions that declare a path, `/r/{app}/{route...}`.
 *
 * A function of type `async` is never waited for: whatever leads to it answers 202 `{"call_id":...}` as soon as the call can't be lost.
 * `Fn-Invoke-Type: detached` on /invoke answers 202 with `Fn-Call-Id` and no body as soon as the call can't be lost, where Fn needs a
 * load balancer for that. Any other word, and any on a trigger, is a synchronous call.
 */
import { posix } from "node:path";
import type { Caller } from "../../auth/auth.ts";
import type { Handler, HttpRequest, HttpResponse } from "../../http/http.ts";
import { keptOf } from "../../http/kept.ts";
import type { BodySource } from "../../lib/body.ts";
import type { Definition } from "../../invocation/definitions.ts";
import type { FunctionReference, InvokeCaller, InvokeRequest, InvokeResult } from "../../invocation/invocation.ts";
import { declared } from "../../model/declared.ts";
import { PlatformError, asPlatformError } from "../../model/error.ts";
import type { Fn } from "../../model/model.ts";
import type { HttpOrigin } from "../../protocol/protocol.ts";
import { type ErrorShape, errorReply, methodNotAllowed, notFound, pathNotFound, status } from "./errors.ts";
import type { FnContext } from "./fn.ts";
import { Invocable } from "./invocable.ts";
import { fnLimits, isPathParameter } from "./limits.ts";
import { decodePath } from "./path.ts";
import { jsonReply, type Reply, sendReply } from "./reply.ts";

/** See `fnInvoke`. */
export function invokeHandler(context: FnContext): Handler {
  return guarded(context, "v2", (request, response) => {
    const call = new FnCall(context, request, response, keptOf(request, context, directly));
    call.begin(context.identify(request));
  });
}

function directly(request: HttpRequest, context: FnContext): Invocable {
  return new Invocable(context, request, { by: "id", functionId: idIn(request) }, null);
}

/** See `fnTrigger`. */
export function triggerHandler(context: FnContext): Handler {
  return guarded(context, "v2", (request, response) => {
    const { app, source, target } = routeIn(request);
    const http = { method: request.method, url: urlOf(context, request), target };
    const call = new FnCall(context, request, response, new Invocable(context, request, { by: "route", app, source }, http));
    // On loopback a route is open.
    call.begin(request.loopback ? openRoute : context.identify(request));
  });
}

/** See `fnRoute`. What fails is told in the shape that `/v1` had. */
export function routeHandler(context: FnContext): Handler {
  return guarded(context, "v1", (request, response) => {
    const { app, source, target } = routeIn(request);
    const http = { method: request.method, url: urlOf(context, request), target };
    const path = posix.normalize(source).replace(/(?<=.)\/$/, "");
    const call = new FnCall(context, request, response, new Invocable(context, request, { by: "path", app, path }, http));
    call.begin(request.loopback ? openRoute : context.identify(request));
  });
}

function urlOf(context: FnContext, request: HttpRequest): string {
  return context.baseUrl(request).replace(/\/+$/, "") + request.target;
}

/** A handler of which what it throws is the answer. */
function guarded(context: FnContext, shape: ErrorShape, handler: Handler): Handler {
  return (request, response) => {
    try {
      handler(request, response);
    } catch (error) {
      sendReply(response, failureReply(context, error, null, shape));
    }
  };
}

/** One call through this door: what is invoked, and who is told. */
class FnCall implements InvokeRequest, InvokeCaller {
  caller: Caller = nobody;
  readonly body: BodySource;
  readonly #context: FnContext;
  readonly #request: HttpRequest;
  readonly #response: HttpResponse;
  readonly #invocable: Invocable;

  constructor(context: FnContext, request: HttpRequest, response: HttpResponse, invocable: Invocable) {
    this.#context = context;
    this.#request = request;
    this.#response = response;
    this.#invocable = invocable;
    this.body = request.body;
  }

  /** A method: a private getter is a call of the engine's slow part, each time. */
  #shape(): ErrorShape {
    return this.target.by === "path" ? "v1" : "v2";
  }

  get namespace(): string {
    return this.#context.namespace;
  }

  get target(): FunctionReference {
    return this.#invocable.target;
  }

  get headers(): readonly string[] {
    return this.#invocable.headers;
  }

  get http(): HttpOrigin | null {
    return this.#invocable.http;
  }

  /** Begins it as this caller, as soon as it is known who that is. */
  begin(caller: Caller | Promise<Caller>): void {
    if (caller instanceof Promise) {
      caller.then((found) => this.begin(found)).catch((error: unknown) => this.#fail(error, null));
      return;
    }
    this.caller = caller;
    if (this.#invocable.detached) void this.#accept(detachedReply);
    else this.#decide();
  }

  /** Waits for the answer unless the function's calls are asynchronous. What can't be found out is the invoker's to tell. */
  #decide(): void {
    const found = this.#context.definition(this.target);
    if (!(found instanceof Promise)) this.#go(found);
    else
      found.then(
        (definition) => this.#go(definition),
        () => this.#go(null),
      );
  }

  #go(definition: Definition | null): void {
    if (definition !== null && isAsynchronous(definition.fn)) void this.#accept(asyncReply);
    else this.#context.invoker.begin(this, this.#request.signal, this);
  }

  told(result: InvokeResult): void {
    try {
      if (result.ok) this.#answer(result);
      else this.#fail(result.error, result.activationId);
    } catch (error) {
      this.#fail(error, result.activationId);
    }
  }

  #answer({ status: given, headers, body, activationId }: Extract<InvokeResult, { ok: true }>): void {
    const visible = this.#invocable.visible(given, headers);
    const own = callIds(this.#shape(), activationId);
    const shown = this.http === null ? status.ok : given;
    const response = this.#response;
    if (response.streamAlike === undefined) response.stream(shown, [...visible, ...own], body, ignoreEnd);
    else response.streamAlike(shown, visible, own, body, ignoreEnd);
  }

  async #accept(reply: (callId: string) => Reply): Promise<void> {
    const { invoker } = this.#context;
    try {
      if (invoker.accept === undefined)
        throw new PlatformError("unsupported", "Detach call functions are not supported on this server");
      const { activationId } = await invoker.accept(this);
      sendReply(this.#response, reply(activationId));
    } catch (thrown) {
      this.#fail(thrown, null);
    }
  }

  /** Answers with an error; of what is not found in Fn's words. */
  #fail(thrown: unknown, callId: string | null): void {
    const error = asPlatformError(thrown);
    const absent = this.http === null ? notFound("Fn") : absentOf(error);
    sendReply(this.#response, failureReply(this.#context, error.code === "not_found" ? absent : error, callId, this.#shape()));
  }
}

/** `/v1` spelled its header another way. */
function callIds(shape: ErrorShape, callId: string): string[] {
  return shape === "v1" ? ["Fn-Call-Id", callId, "Fn_call_id", callId] : ["Fn-Call-Id", callId];
}

function isAsynchronous({ annotations }: Fn): boolean {
  return annotations[declared.type] === '"async"';
}

const detachedReply = (callId: string): Reply => ({ status: status.accepted, headers: ["Fn-Call-Id", callId], body: "" });

const asyncReply = (callId: string): Reply =>
  jsonReply(status.accepted, JSON.stringify({ call_id: callId }), ["Fn-Call-Id", callId]);

const nobody: Caller = { name: "nobody", namespaces: [] };
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

/** Of `/t/` and of `/r/`. */
const prefixLength = 3;

/** `source` is decoded and matched; `target` is what an HTTP function sees: the same path as it was sent, with the query. */
function routeIn(request: HttpRequest): { app: string; source: string; target: string } {
  const [name, rest] = cut(request.path.slice(prefixLength));
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
    case "path":
      return notFound("Route");
    case "function":
      return notFound("Fn");
    default:
      return notFound("App");
  }
}

function failureReply(context: FnContext, thrown: unknown, callId: string | null, shape: ErrorShape): Reply {
  const error = asPlatformError(thrown);
  if (error.code === "internal") context.failed?.(error);
  return errorReply(error, callId, shape);
}
