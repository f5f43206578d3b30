/** A request to a URL, as a call of its function. */
import type { Caller } from "../../../auth/auth.ts";
import type { OpenSignature } from "../../../auth/signature.ts";
import { sandboxDocument } from "../../../http/function-origin.ts";
import { headerOf } from "../../../http/headers.ts";
import { keptOf } from "../../../http/kept.ts";
import type { HttpRequest, HttpResponse } from "../../../http/http.ts";
import type { Definition } from "../../../invocation/definitions.ts";
import type { FunctionReference, InvokeCaller, InvokeRequest, InvokeResult } from "../../../invocation/invocation.ts";
import { type BodySource, readBody, WholeBody } from "../../../lib/body.ts";
import { neverCancelled } from "../../../lib/cancel.ts";
import { asPlatformError, PlatformError } from "../../../model/error.ts";
import { idToUuid } from "../../../model/id.ts";
import { type Called, calledBy } from "../called.ts";
import { namespaceOf, openedBy } from "../callers.ts";
import { Refusal, tooLarge } from "../errors.ts";
import { tooLong } from "../invoke.ts";
import type { LambdaContext } from "../lambda.ts";
import { lambdaLimits } from "../limits.ts";
import { arnOf, shownName } from "../names.ts";
import { type Reply, sendReply } from "../reply.ts";
import { readPayload } from "../signed-call.ts";
import { answerOf, passedOn, preludeType, typeSaid, type UrlAnswer } from "./answer.ts";
import { corsHeaders, isPreflight, preflightHeaders, withoutCors } from "./cors.ts";
import { forbidden, status, unknownUrl, urlErrorReply } from "./errors.ts";
import { eventOf, type Signer } from "./event.ts";
import { readPrelude, splitPrelude } from "./prelude.ts";
import type { PublishedUrl, PublishedUrls } from "./published.ts";
import { UrlRequest } from "./request.ts";
import { ShownHeaders } from "./shown-headers.ts";
import { WholeFlow } from "./whole-flow.ts";

const nobody: Caller = { name: "url", namespaces: [] };
const nowhere: FunctionReference = { by: "id", functionId: "" };
const noBytes = Buffer.alloc(0);

type Answered = Extract<InvokeResult, { ok: true }>;

/** It is answered once. Most need no promise before the function has them. */
export class UrlCall implements InvokeRequest, InvokeCaller {
  caller: Caller = nobody;
  namespace = "";
  target: FunctionReference = nowhere;
  headers: readonly string[] = [];
  readonly http = null;
  readonly #context: LambdaContext;
  readonly #published: PublishedUrls;
  readonly #request: HttpRequest;
  readonly #response: HttpResponse;
  readonly #asked: UrlRequest;
  #found: PublishedUrl | null = null;
  #event: Buffer = noBytes;

  constructor(context: LambdaContext, published: PublishedUrls, request: HttpRequest, response: HttpResponse) {
    this.#context = context;
    this.#published = published;
    this.#request = request;
    this.#response = response;
    this.#asked = keptOf(request, context.urlHosts, askedBy);
  }

  get body(): BodySource {
    return new WholeBody(this.#event);
  }

  begin(): void {
    this.#step(
      () => this.#published.of(this.#asked.id),
      (found) => this.#open(found),
    );
  }

  /** `value` now or later, and then `next`; whatever goes wrong in one of them is how the request is answered. */
  #step<T>(value: () => T | Promise<T>, next: (value: T) => void): void {
    try {
      const given = value();
      if (given instanceof Promise) given.then(next).catch((error: unknown) => this.#refuse(error));
      else next(given);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #open(found: PublishedUrl | null): void {
    if (found === null) return this.#reply(unknownUrl);
    this.#found = found;
    const { url, namespace } = found;
    this.namespace = namespace;
    if (url.cors !== null && isPreflight(this.#request))
      return this.#reply({ status: status.ok, headers: preflightHeaders(url.cors, this.#request), body: "" });
    if (!url.signed) {
      this.caller = { name: "url", namespaces: [namespace] };
      return this.#read(found, null);
    }
    this.#step(
      () => openedBy(this.#context, this.#request),
      (signature) => this.#read(found, signature),
    );
  }

  #read(found: PublishedUrl, signature: OpenSignature | null): void {
    this.#step(
      () => readPayload(this.#request),
      (bytes) => {
        if (signature !== null) this.#signed(signature, bytes);
        this.#look(found, signature !== null, bytes);
      },
    );
  }

  #signed(signature: OpenSignature, bytes: Buffer): void {
    this.caller = signature.verify(bytes);
    if (namespaceOf(this.caller) !== this.namespace) throw forbidden();
  }

  #look({ url, namespace, functionId }: PublishedUrl, isSigned: boolean, bytes: Buffer): void {
    const { definition } = this.#context;
    this.#step<Definition>(
      () => definition(namespace, { by: "id", functionId }),
      ({ fn, app }) => {
        const named = { app: app?.name ?? null, name: fn.name, qualifier: url.alias };
        this.#step<Called>(
          () => calledBy(this.#context, namespace, named),
          ({ target }) =>
            this.#run(target, arnOf(this.#context.identity, shownName(named.app, named.name), url.alias), isSigned, bytes),
        );
      },
    );
  }

  #run(target: FunctionReference, arn: string, isSigned: boolean, bytes: Buffer): void {
    const { world, invoker } = this.#context;
    this.#event = eventOf(this.#asked, {
      peer: this.#request.peer,
      requestId: idToUuid(world.newId()),
      at: world.now(),
      signer: isSigned ? this.#signer() : null,
      body: bytes,
    });
    if (this.#event.length > lambdaLimits.payloadBytesMax) throw tooLarge(lambdaLimits.payloadBytesMax);
    this.target = target;
    this.headers = ["content-type", "application/json", "lambda-runtime-invoked-function-arn", arn, ...this.#asked.traced];
    invoker.begin(this, neverCancelled, this);
  }

  #signer(): Signer {
    const { account } = this.#context.identity;
    const { authorization = "" } = this.#asked;
    const [, accessKeyId = "anybody"] = /Credential=([^\s,/]+)\//.exec(authorization) ?? [];
    return { account, accessKeyId, keyId: this.caller.name.replace(/^key:/, ""), namespace: this.namespace };
  }

  told(result: InvokeResult): void {
    try {
      if (!result.ok) this.#refuse(result.error, result.activationId);
      else if (this.#found?.url.streams === true) this.#stream(result);
      else this.#gather(result);
    } catch (error) {
      this.#refuse(error, result.activationId);
    }
  }

  #gather(result: Answered): void {
    const { body } = result;
    const max = lambdaLimits.responseBytesMax;
    const whole = body.bytes !== undefined && body.bytes <= max ? (body.take?.() ?? null) : null;
    if (whole !== null) return this.#show(result, whole);
    readBody(body, max, tooLong)
      .then((bytes) => this.#show(result, bytes))
      .catch((error: unknown) => this.#refuse(brokenOff(error), result.activationId));
  }

  #show(result: Answered, bytes: Buffer): void {
    const answer = isPrelude(result) ? splitPrelude(bytes) : answerOf(result, bytes);
    this.#answer(result, answer, new WholeBody(answer.body));
  }

  #stream(result: Answered): void {
    const flow = new WholeFlow(result.body);
    if (!isPrelude(result)) return this.#answer(result, passedOn(result, typeSaid(result)), flow);
    readPrelude(flow, {
      read: (head, body) => this.#answer(result, head, body),
      failed: (error) => this.#refuse(brokenOff(error), result.activationId),
    });
  }

  #answer(
    { activationId }: Answered,
    { status: number, headers }: Pick<UrlAnswer, "status" | "headers">,
    body: BodySource,
  ): void {
    const asked = this.#asked;
    const cors = this.#found?.url.cors ?? null;
    asked.shown =
      asked.shown?.isOf(headers, cors) === true ? asked.shown : new ShownHeaders(headers, cors, this.#toShow(headers));
    const own = ["x-amzn-RequestId", idToUuid(activationId)];
    const response = this.#response;
    if (response.streamAlike === undefined) response.stream(number, [...asked.shown.all, ...own], body, ignoreEnd);
    else response.streamAlike(number, asked.shown.all, own, body, ignoreEnd);
  }

  #toShow(headers: readonly string[]): readonly string[] {
    const shown = this.#shared(headers);
    if (!this.#asked.isOnOwnHost && this.#context.functionOrigin !== "shared") sandboxDocument(shown);
    return shown;
  }

  /** With what the URL says to browsers in the function's place. */
  #shared(headers: readonly string[]): string[] {
    const cors = this.#found?.url.cors ?? null;
    return cors === null ? [...headers] : [...withoutCors(headers), ...corsHeaders(cors, this.#asked.origin)];
  }

  #refuse(thrown: unknown, activationId: string | null = null): void {
    if (!(thrown instanceof Refusal) && asPlatformError(thrown).code === "internal")
      this.#context.failed?.(asPlatformError(thrown));
    const reply = urlErrorReply(thrown);
    this.#reply({ ...reply, headers: this.#shared(reply.headers) }, activationId);
  }

  #reply(reply: Reply, activationId: string | null = null): void {
    this.#request.body.cancel();
    sendReply(this.#response, reply, activationId ?? this.#context.world.newId());
  }
}

function askedBy(request: HttpRequest, hostsBelow: string): UrlRequest {
  return new UrlRequest(request, hostsBelow);
}

function isPrelude({ headers }: Answered): boolean {
  return headerOf(headers, "content-type") === preludeType;
}

/** Why is in the record of the call. */
function brokenOff(error: unknown): unknown {
  const isOurs = error instanceof PlatformError && error.code !== "internal";
  return isOurs ? error : new PlatformError("function_protocol", "The answer broke off", { cause: error });
}

/** The client is away, or has it. */
function ignoreEnd(): void {}
