import type { Caller } from "../../auth/auth.ts";
import { readNothing, requestIdOf } from "../../http/framework.ts";
import type { BodySource } from "../../lib/body.ts";
import type { Handler, HttpRequest, HttpResponse } from "../../http/http.ts";
import { keptOf } from "../../http/kept.ts";
import { httpStatusOf } from "../../http/refusal.ts";
import type { FunctionReference, InvokeCaller, InvokeRequest, InvokeResult } from "../../invocation/invocation.ts";
import { asPlatformError, PlatformError } from "../../model/error.ts";
import type { Door, Scope } from "./door.ts";
import { errorBody, errorHeaders } from "./errors.ts";
import { Invocable } from "./invocable.ts";
import type { KilnParts } from "./kiln.ts";
import { operation } from "./openapi.ts";
import { functionPath, invokeQuery } from "./schemas.ts";
import Type from "typebox";

/** Calls a function: any body in, the function's own answer out, `Kiln-Activation-Id` beside it. */
export function invokeHandler(parts: KilnParts): Handler {
  return (request, response) => {
    try {
      const call = new KilnCall(parts, request, response, keptOf(request, parts, invocableOf));
      call.begin(parts.identifier.identify(request));
    } catch (error) {
      refuse(parts, request, response, error);
    }
  };
}

function invocableOf(request: HttpRequest, parts: KilnParts): Invocable {
  return new Invocable(parts, request);
}

/** One call through this door: what is invoked, and who is told. */
class KilnCall implements InvokeRequest, InvokeCaller {
  caller: Caller = nobody;
  readonly http = null;
  readonly body: BodySource;
  readonly #parts: KilnParts;
  readonly #request: HttpRequest;
  readonly #response: HttpResponse;
  readonly #invocable: Invocable;

  constructor(parts: KilnParts, request: HttpRequest, response: HttpResponse, invocable: Invocable) {
    this.#parts = parts;
    this.#request = request;
    this.#response = response;
    this.#invocable = invocable;
    this.body = request.body;
  }

  get namespace(): string {
    return this.#invocable.namespace;
  }

  get target(): FunctionReference {
    return this.#invocable.target;
  }

  get headers(): readonly string[] {
    return this.#invocable.headers;
  }

  /** Begins it as this caller, as soon as it is known who that is. */
  begin(caller: Caller | Promise<Caller>): void {
    if (caller instanceof Promise) {
      caller.then((found) => this.begin(found)).catch((error: unknown) => this.#refuse(error));
      return;
    }
    this.caller = caller;
    if (this.#invocable.wait === "none") accept(this.#parts, this, this.#response).catch((error: unknown) => this.#refuse(error));
    else this.#parts.invoker.begin(this, this.#request.signal, this);
  }

  told(result: InvokeResult): void {
    try {
      if (result.ok) this.#answer(result);
      else sendError(this.#parts, this.#request, this.#response, result.error, result.activationId);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #answer({ status, headers, body, activationId }: Extract<InvokeResult, { ok: true }>): void {
    const visible = this.#invocable.visible(headers);
    const own = ["Kiln-Activation-Id", activationId];
    const response = this.#response;
    if (response.streamAlike === undefined) response.stream(status, [...visible, ...own], body, ignoreEnd);
    else response.streamAlike(status, visible, own, body, ignoreEnd);
  }

  #refuse(error: unknown): void {
    refuse(this.#parts, this.#request, this.#response, error);
  }
}

const nobody: Caller = { name: "nobody", namespaces: [] };

/** A body that breaks off is in the call's record already; the listener cuts the connection. */
function ignoreEnd(): void {}

function refuse(parts: KilnParts, request: HttpRequest, response: HttpResponse, error: unknown): void {
  request.body.cancel();
  sendError(parts, request, response, asPlatformError(error), null);
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

/** A failure as the answer to a request of the listener's. */
export function sendError(
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
