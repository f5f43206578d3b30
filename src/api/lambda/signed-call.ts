import type { Caller } from "../../auth/auth.ts";
import type { OpenSignature } from "../../auth/signature.ts";
import type { HttpRequest, HttpResponse } from "../../http/http.ts";
import type { FunctionReference, InvokeCaller, InvokeRequest, InvokeResult } from "../../invocation/invocation.ts";
import { type BodySource, takeBody, WholeBody } from "../../lib/body.ts";
import { neverCancelled } from "../../lib/cancel.ts";
import { type CallHead, callHeadOf, payloadIn } from "./call-head.ts";
import { type Called, calledBy, missing } from "./called.ts";
import { failureReply, namespaceOf, openedBy } from "./callers.ts";
import { Refusal, tooLarge } from "./errors.ts";
import type { LambdaContext } from "./lambda.ts";
import { lambdaLimits } from "./limits.ts";
import { latest } from "./names.ts";
import { sendReply } from "./reply.ts";

const nobody: Caller = { name: "nobody", namespaces: [] };
const noBytes = Buffer.alloc(0);
const nowhere: FunctionReference = { by: "id", functionId: "" };

/** A call through this door: signature, name and payload are looked at in one turn where all is in memory. It is answered once. */
export abstract class SignedCall implements InvokeRequest, InvokeCaller {
  caller: Caller = nobody;
  namespace = "";
  target: FunctionReference = nowhere;
  headers: readonly string[] = [];
  readonly http = null;
  protected readonly context: LambdaContext;
  protected readonly response: HttpResponse;
  /** Of the version that runs. */
  protected version: string = latest;
  readonly #request: HttpRequest;
  readonly #segment: string;
  #head: CallHead | null = null;
  #payload: Buffer = noBytes;

  /** `segment`: the function in the path, as sent. */
  constructor(context: LambdaContext, request: HttpRequest, response: HttpResponse, segment: string) {
    this.context = context;
    this.response = response;
    this.#request = request;
    this.#segment = segment;
  }

  /** Everything is known: run it, or do what else was wanted. */
  protected abstract go(head: CallHead): void;
  /** It is over, or was refused. */
  protected abstract ended(result: InvokeResult): void;

  told(result: InvokeResult): void {
    try {
      this.ended(result);
    } catch (error) {
      this.refuse(error);
    }
  }

  get body(): BodySource {
    return new WholeBody(this.#payload);
  }

  begin(): void {
    try {
      const open = openedBy(this.context, this.#request);
      if (open instanceof Promise) open.then((found) => this.#read(found)).catch((error: unknown) => this.refuse(error));
      else this.#read(open);
    } catch (error) {
      this.refuse(error);
    }
  }

  #read(open: OpenSignature): void {
    const payload = readPayload(this.#request);
    if (payload instanceof Promise)
      payload.then((bytes) => this.#signed(open, bytes)).catch((error: unknown) => this.refuse(error));
    else this.#signed(open, payload);
  }

  #signed(open: OpenSignature, bytes: Buffer): void {
    this.caller = open.verify(bytes);
    this.namespace = namespaceOf(this.caller);
    const head = callHeadOf(this.#request, this.#segment, this.context.identity);
    this.#head = head;
    this.#payload = payloadIn(bytes, head.type);
    this.headers = head.headers;
    const called = calledBy(this.context, this.namespace, head.function);
    if (called instanceof Promise)
      called.then((found) => this.#called(head, found)).catch((error: unknown) => this.refuse(error));
    else this.#called(head, called);
  }

  #called(head: CallHead, { target, version }: Called): void {
    this.target = target;
    this.version = version;
    this.go(head);
  }

  protected run(): void {
    this.context.invoker.begin(this, neverCancelled, this);
  }

  /** What is there to be called; rejects with `Refusal`. */
  protected async definition() {
    return await this.context.definition(this.namespace, this.target);
  }

  protected refuse(thrown: unknown, activationId: string | null = null): void {
    const request = this.#request;
    request.body.cancel();
    const head = this.#head;
    const error = head === null || thrown instanceof Refusal ? thrown : missing(this.context, head.function, thrown);
    sendReply(this.response, failureReply(this.context, error), activationId ?? this.context.world.newId());
  }
}

/** At once where it is here already. Throws or rejects with `Refusal`. */
export function readPayload({ body }: Pick<HttpRequest, "body">): Buffer | Promise<Buffer> {
  return takeBody(body, lambdaLimits.payloadBytesMax, tooLong);
}

function tooLong(): Refusal {
  return tooLarge(lambdaLimits.payloadBytesMax);
}
