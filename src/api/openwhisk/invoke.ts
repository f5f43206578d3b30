/**
 * Calls: `POST /namespaces/{namespace}/actions/[{package}/]{action}`.
 *
 * A call that is not waited for answers 202 as soon as it can't be lost. One that is waited for runs at once; when it outlasts its wait it is handed over to
 * the queue, and 202 is answered then. A caller that goes away ends nothing.
 */
import type { Caller } from "../../auth/auth.ts";
import type { Handler, HttpRequest, HttpResponse } from "../../http/http.ts";
import { keptOf } from "../../http/kept.ts";
import type { Definition } from "../../invocation/definitions.ts";
import type { FunctionReference, InvokeResult, KeptOutcome } from "../../invocation/invocation.ts";
import { Deadlines } from "../../lib/deadlines.ts";
import { idToHex } from "../../model/id.ts";
import type { App } from "../../model/model.ts";
import { outcomeOf, renderActivation } from "./activation.ts";
import { checkType } from "./body.ts";
import { failureReply, identified } from "./callers.ts";
import { endingStatuses, status, tooLarge } from "./errors.ts";
import { Invocable } from "./invocable.ts";
import { sizeLimits, waitMs } from "./limits.ts";
import type { WskContext } from "./openwhisk.ts";
import { checkPayload } from "./payload.ts";
import { sendActivation, sendReply, transactionOf } from "./reply.ts";
import { checkComponents } from "./sequence.ts";
import { readPayload, WaitedCall } from "./waited-call.ts";

/** See `openWhiskInvoke`. */
export function invokeHandler(context: WskContext): Handler {
  const longest = new Deadlines(context.world, waitMs.max);
  return (request, response) => {
    const begin = (caller: Caller) =>
      new ActionCall(context, longest, request, response, keptOf(request, context, invocableOf)).begin(caller);
    const fail = (error: unknown) => refuse(context, request, response, error);
    try {
      const caller = identified(context, request);
      if (caller instanceof Promise) caller.then(begin).catch(fail);
      else begin(caller);
    } catch (error) {
      fail(error);
    }
  };
}

function invocableOf(request: HttpRequest): Invocable {
  return new Invocable(request);
}

function refuse(context: WskContext, request: HttpRequest, response: HttpResponse, error: unknown): void {
  request.body.cancel();
  const transaction = transactionOf(request, context.world);
  sendReply(response, failureReply(context, request, error, transaction), transaction);
}

/** One call of an action: what is invoked, and who is told. */
class ActionCall extends WaitedCall {
  readonly #request: HttpRequest;
  readonly #response: HttpResponse;
  readonly #invocable: Invocable;
  #app: App | null = null;

  constructor(context: WskContext, longest: Deadlines, request: HttpRequest, response: HttpResponse, invocable: Invocable) {
    super(context, longest);
    this.#request = request;
    this.#response = response;
    this.#invocable = invocable;
  }

  get target(): FunctionReference {
    return this.#invocable.target;
  }

  get headers(): readonly string[] {
    return this.#invocable.headers;
  }

  /** Throws `Refusal`. */
  begin(caller: Caller): void {
    this.caller = caller;
    this.namespace = this.#invocable.namespaceOf(caller);
    const payload = readPayload(this.#request);
    if (!(payload instanceof Promise)) return this.#resolve(payload);
    payload.then((bytes) => this.#resolve(bytes)).catch((error: unknown) => this.refuse(error));
  }

  #resolve(bytes: Buffer): void {
    if (bytes.length > sizeLimits.payloadBytesMax) throw tooLarge("Request", bytes.length, sizeLimits.payloadBytesMax);
    if (bytes.length > 0) checkType(this.#invocable.contentType);
    this.bytes = bytes;
    const found = this.context.definition(this.namespace, this.target);
    if (!(found instanceof Promise)) return this.#go(found);
    found.then((definition) => this.#go(definition)).catch((error: unknown) => this.refuse(error));
  }

  #go({ fn, app }: Definition): void {
    this.context.kinds.checkInUse(fn);
    checkPayload(fn, this.bytes);
    this.#app = app;
    const checked = checkComponents(this.context, this.namespace, fn.source);
    if (checked === undefined) this.#start();
    else checked.then(() => this.#start()).catch((error: unknown) => this.refuse(error));
  }

  #start(): void {
    if (this.#invocable.blocking) this.run(this.#invocable.waitMs);
    else void this.accept();
  }

  protected override show({ record, result, steps }: KeptOutcome, { fn, activationId }: InvokeResult): void {
    const outcome = outcomeOf(record, result, fn);
    const shown =
      this.#invocable.resultOnly || outcome.result?.startsWith("[") === true
        ? (outcome.result ?? "{}")
        : renderActivation(record, { fn, app: this.#app }, outcome, steps?.map(idToHex) ?? []);
    this.#answer(endingStatuses[outcome.ending], shown, activationId ?? record.id);
  }

  protected override showOngoing(activationId: string): void {
    this.#answer(status.accepted, `{"activationId":"${idToHex(activationId)}"}`, activationId);
  }

  #answer(number: number, json: string, activationId: string): void {
    sendActivation(this.#response, number, idToHex(activationId), json, this.#invocable.transaction);
  }

  protected override showRefusal(error: unknown): void {
    refuse(this.context, this.#request, this.#response, error);
  }
}
