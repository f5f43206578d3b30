/**
 * Invocation: `POST /invoke/{fn_id}` and `/t/{app}/{source...}`.
 *
 * `Fn-Invoke-Type: detached` on /invoke answers 202 with `Fn-Call-Id` and no body as soon as the call can't be lost, where Fn needs a
 * load balancer for that. Any other word, and any on a trigger, is a synchronous call.
 */
import type { Caller } from "../../auth/auth.ts";
import type { Handler, HttpRequest, HttpResponse } from "../../http/http.ts";
import type { BodySource } from "../../lib/body.ts";
import type { FunctionReference, InvokeCaller, InvokeRequest, InvokeResult } from "../../invocation/invocation.ts";
import { PlatformError, asPlatformError } from "../../model/error.ts";
import type { HttpOrigin } from "../../protocol/protocol.ts";
import { errorReply, methodNotAllowed, notFound, pathNotFound, status } from "./errors.ts";
import type { FnContext } from "./fn.ts";
import { Invocable } from "./invocable.ts";
import { fnLimits, isPathParameter } from "./limits.ts";
import { decodePath } from "./path.ts";
import { sendReply } from "./reply.ts";

/** See `fnInvoke`. */
export function invokeHandler(context: FnContext): Handler {
  return guarded(context, (request, response) => {
    const call = new FnCall(context, request, response, directly(context, request));
    call.begin(context.identify(request));
  });
}

/** From the head alone, so equal requests share it. */
function directly(context: FnContext, request: HttpRequest): Invocable {
  const { notes } = request;
  if (notes?.kept !== undefined) return notes.kept as Invocable;
  const direct = new Invocable(context, request, { by: "id", functionId: idIn(request) }, null);
  if (notes !== undefined) notes.kept = direct;
  return direct;
}

/** See `fnTrigger`. */
export function triggerHandler(context: FnContext): Handler {
  return guarded(context, (request, response) => {
    const { app, source, target } = routeIn(request);
    const http = { method: request.method, url: context.baseUrl(request).replace(/\/+$/, "") + request.target, target };
    const call = new FnCall(context, request, response, new Invocable(context, request, { by: "route", app, source }, http));
    // On loopback a route is open.
    call.begin(request.loopback ? openRoute : context.identify(request));
  });
}

/** A handler of which what it throws is the answer. */
function guarded(context: FnContext, handler: Handler): Handler {
  return (request, response) => {
    try {
      handler(request, response);
    } catch (error) {
      sendReply(response, failureReply(context, error, null));
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
    if (this.#invocable.detached) void this.#detach();
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
    const own = ["Fn-Call-Id", activationId];
    const shown = this.http === null ? status.ok : given;
    const response = this.#response;
    if (response.streamAlike === undefined) response.stream(shown, [...visible, ...own], body, ignoreEnd);
    else response.streamAlike(shown, visible, own, body, ignoreEnd);
  }

  async #detach(): Promise<void> {
    const { invoker } = this.#context;
    try {
      if (invoker.accept === undefined)
        throw new PlatformError("unsupported", "Detach call functions are not supported on this server");
      const { activationId } = await invoker.accept(this);
      this.#response.send(status.accepted, ["Fn-Call-Id", activationId], "");
    } catch (thrown) {
      this.#fail(thrown, null);
    }
  }

  /** Answers with an error; of what is not found in Fn's words. */
  #fail(thrown: unknown, callId: string | null): void {
    const error = asPlatformError(thrown);
    const absent = this.http === null ? notFound("Fn") : absentOf(error);
    sendReply(this.#response, failureReply(this.#context, error.code === "not_found" ? absent : error, callId));
  }
}

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

function failureReply(context: FnContext, thrown: unknown, callId: string | null) {
  const error = asPlatformError(thrown);
  if (error.code === "internal") context.failed?.(error);
  return errorReply(error, callId);
}
