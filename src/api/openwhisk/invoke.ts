/**
 * Calls: `POST /namespaces/{namespace}/actions/[{package}/]{action}`.
 *
 * A call that is not waited for answers 202 as soon as it can't be lost. One that is waited for runs at once; when it outlasts its wait it is handed over to
 * the queue, and 202 is answered then. A caller that goes away ends nothing.
 */
import type { Caller } from "../../auth/auth.ts";
import type { Handler, HttpRequest, HttpResponse } from "../../http/http.ts";
import type { Definition } from "../../invocation/definitions.ts";
import type {
  EnteredCall,
  FunctionReference,
  InvokeCaller,
  InvokeRequest,
  InvokeResult,
  KeptOutcome,
} from "../../invocation/invocation.ts";
import { type BodySource, readBody, WholeBody } from "../../lib/body.ts";
import type { CancelSignal } from "../../lib/cancel.ts";
import { PlatformError } from "../../model/error.ts";
import { idToHex } from "../../model/id.ts";
import type { App } from "../../model/model.ts";
import { outcomeOf, renderActivation } from "./activation.ts";
import { checkType } from "./body.ts";
import { failureReply, identified } from "./callers.ts";
import { endingStatuses, malformed, status, tooLarge } from "./errors.ts";
import { Invocable } from "./invocable.ts";
import { sizeLimits } from "./limits.ts";
import type { WskContext } from "./openwhisk.ts";
import { checkPayload } from "./payload.ts";
import { jsonHeaders, sendReply, transactionOf } from "./reply.ts";

/** See `openWhiskInvoke`. */
export function invokeHandler(context: WskContext): Handler {
  return (request, response) => {
    const begin = (caller: Caller) => new ActionCall(context, request, response, invocableOf(request)).begin(caller);
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
  const { notes } = request;
  if (notes?.kept !== undefined) return notes.kept as Invocable;
  const invocable = new Invocable(request);
  if (notes !== undefined) notes.kept = invocable;
  return invocable;
}

function refuse(context: WskContext, request: HttpRequest, response: HttpResponse, error: unknown): void {
  request.body.cancel();
  const transaction = transactionOf(request, context.world);
  sendReply(response, failureReply(context, request, error, transaction), transaction);
}

/** Nobody ends an activation by going away. */
const never: CancelSignal = { aborted: false, reason: undefined, addEventListener() {}, removeEventListener() {} };

const nobody: Caller = { name: "nobody", namespaces: [] };
const noBytes = Buffer.alloc(0);

/** One call through this door: what is invoked, and who is told. It is answered once: with its outcome, or that it goes on. */
class ActionCall implements InvokeRequest, InvokeCaller {
  caller: Caller = nobody;
  namespace = "";
  readonly http = null;
  readonly keep = true;
  readonly #context: WskContext;
  readonly #request: HttpRequest;
  readonly #response: HttpResponse;
  readonly #invocable: Invocable;
  #bytes: Buffer = noBytes;
  #app: App | null = null;
  #entered: EnteredCall | null = null;
  #callOff: (() => void) | null = null;
  #isAnswered = false;

  constructor(context: WskContext, request: HttpRequest, response: HttpResponse, invocable: Invocable) {
    this.#context = context;
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

  get body(): BodySource {
    return new WholeBody(this.#bytes);
  }

  /** Throws `Refusal`. */
  begin(caller: Caller): void {
    this.caller = caller;
    this.namespace = this.#invocable.namespaceOf(caller);
    this.#read();
  }

  #read(): void {
    const { body } = this.#request;
    const bytesMax = sizeLimits.payloadBytesMax;
    if (body.bytes !== undefined && body.bytes > bytesMax) throw tooLarge("Request", body.bytes, bytesMax);
    const whole = body.take?.() ?? null;
    if (whole !== null) return this.#resolve(whole);
    readBody(body, bytesMax, () => tooLarge("Request", body.bytes ?? bytesMax + 1, bytesMax))
      .then((bytes) => this.#resolve(bytes))
      .catch((error: unknown) => this.#refuse(error));
  }

  #resolve(bytes: Buffer): void {
    if (bytes.length > sizeLimits.payloadBytesMax) throw tooLarge("Request", bytes.length, sizeLimits.payloadBytesMax);
    if (bytes.length > 0) checkType(this.#invocable.contentType);
    this.#bytes = bytes;
    const found = this.#context.definition(this.namespace, this.target);
    if (!(found instanceof Promise)) return this.#go(found);
    found.then((definition) => this.#go(definition)).catch((error: unknown) => this.#refuse(error));
  }

  #go({ fn, app }: Definition): void {
    checkPayload(fn, this.#bytes);
    this.#app = app;
    if (this.#invocable.blocking) this.#context.invoker.begin(this, never, this);
    else void this.#accept();
  }

  async #accept(): Promise<void> {
    const { invoker } = this.#context;
    try {
      if (invoker.accept === undefined)
        throw new PlatformError("unsupported", "Calls that nobody waits for are not supported on this server");
      const { activationId } = await invoker.accept(this);
      this.#goesOn(activationId);
    } catch (error) {
      this.#refuse(error);
    }
  }

  entered(call: EnteredCall): void {
    this.#entered = call;
    this.#callOff = this.#context.world.after(this.#invocable.waitMs, () => void this.#goOn());
  }

  /** Nobody waits for it any longer. */
  async #goOn(): Promise<void> {
    const call = this.#entered;
    if (call === null) return;
    try {
      if (await call.handOver(this.#bytes)) this.#goesOn(call.id);
    } catch (error) {
      this.#refuse(error);
    }
  }

  told(result: InvokeResult): void {
    this.#callOff?.();
    try {
      if (result.kept === undefined) this.#fail(result);
      else this.#show(result.kept, result);
    } catch (error) {
      this.#refuse(error);
    }
  }

  /** It was refused before it had a record, or found no room to run. */
  #fail(result: InvokeResult): void {
    this.#refuse(result.ok ? new PlatformError("internal", "The call has no record") : result.error);
  }

  #show({ record, result }: KeptOutcome, told: InvokeResult): void {
    if (!told.ok && isRefusal(told.error)) return this.#refuse(told.error);
    const { fn, activationId } = told;
    const outcome = outcomeOf(record, result, fn);
    const shown =
      this.#invocable.resultOnly || outcome.result?.startsWith("[") === true
        ? (outcome.result ?? "{}")
        : renderActivation(record, { fn, app: this.#app }, outcome, []);
    this.#answer(endingStatuses[outcome.ending], shown, activationId ?? record.id);
  }

  #goesOn(activationId: string): void {
    this.#answer(status.accepted, `{"activationId":"${idToHex(activationId)}"}`, activationId);
  }

  #answer(number: number, json: string, activationId: string): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    const hex = idToHex(activationId);
    const own = ["x-openwhisk-activation-id", hex, "X-Request-ID", this.#invocable.transaction ?? hex];
    const response = this.#response;
    if (response.streamAlike === undefined) response.send(number, [...jsonHeaders, ...own], json);
    else response.streamAlike(number, jsonHeaders, own, new WholeBody(Buffer.from(json)), ignoreEnd);
  }

  #refuse(error: unknown): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    refuse(this.#context, this.#request, this.#response, asRefusal(error));
  }
}

/** There was no room: the call never ran, and whoever made it may make it again. */
function isRefusal({ code }: PlatformError): boolean {
  return code === "overloaded" || code === "throttled";
}

/** What the invocation says of a body, in this door's words. */
function asRefusal(error: unknown): unknown {
  return error instanceof PlatformError && error.code === "invalid" ? malformed(error.message) : error;
}

/** The client is away, or has it. */
function ignoreEnd(): void {}
