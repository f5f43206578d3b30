/**
 * Web actions: functions that anybody may call, by a path of their own, as what they say they are.
 *
 * A function is one by its annotation `web-export`, whichever door it came through. What is asked becomes its parameters, and its result the answer;
 * it runs as its owner, and leaves a record. What is no web action is answered as if it were not there.
 */
import { isUtf8 } from "node:buffer";
import type { Caller } from "../../../auth/auth.ts";
import { endToEndHeaders } from "../../../http/headers.ts";
import type { Handler, HttpRequest, HttpResponse } from "../../../http/http.ts";
import { keptOf } from "../../../http/kept.ts";
import type { Definition } from "../../../invocation/definitions.ts";
import type { FunctionReference, InvokeResult, KeptOutcome } from "../../../invocation/invocation.ts";
import { Deadlines } from "../../../lib/deadlines.ts";
import { WholeBody } from "../../../lib/body.ts";
import { asPlatformError } from "../../../model/error.ts";
import { idToHex } from "../../../model/id.ts";
import type { Fn } from "../../../model/model.ts";
import type { CallResult } from "../../../store/store.ts";
import { outcomeOf } from "../activation.ts";
import { failureReply } from "../callers.ts";
import { type Ending, endingOf, notThere } from "../errors.ts";
import { sizeLimits, waitMs } from "../limits.ts";
import type { WskContext } from "../openwhisk.ts";
import { transactionOf } from "../reply.ts";
import { checkLength, readPayload, WaitedCall } from "../waited-call.ts";
import { argumentsOf } from "./arguments.ts";
import { corsHeaders } from "./cors.ts";
import { failed, noProperty, notAcceptable, notReady, status, unauthorized } from "./errors.ts";
import { accepts, isJson, mediaType } from "./media.ts";
import { type Extension, WebRequest } from "./request.ts";
import { answerOf, type WebAnswer, type WebResult } from "./result.ts";
import { mayCall } from "./secret.ts";

/** See `openWhiskWeb`. */
export function webHandler(context: WskContext, hostsBelow: string): Handler {
  const longest = new Deadlines(context.world, waitMs.max);
  return (request, response) => new WebCall(context, longest, request, response).begin(hostsBelow);
}

const nowhere: FunctionReference = { by: "name", app: null, name: "" };
const noBytes = Buffer.alloc(0);

/** One call of a web action. */
class WebCall extends WaitedCall {
  readonly #request: HttpRequest;
  readonly #response: HttpResponse;
  #web: WebRequest | null = null;
  #fn: Fn | null = null;
  #activationId: string | null = null;

  constructor(context: WskContext, longest: Deadlines, request: HttpRequest, response: HttpResponse) {
    super(context, longest);
    this.#request = request;
    this.#response = response;
  }

  get target(): FunctionReference {
    return this.#web?.target ?? nowhere;
  }

  get headers(): readonly string[] {
    return this.#web?.headers ?? [];
  }

  begin(hostsBelow: string): void {
    try {
      const web = keptOf(this.#request, hostsBelow, requestOf);
      this.#web = web;
      this.namespace = web.namespace;
      const found = this.context.definition(web.namespace, web.target);
      if (found instanceof Promise) this.#later(found.catch(hide), (definition) => this.#found(web, definition));
      else this.#found(web, found);
    } catch (error) {
      this.refuse(error);
    }
  }

  /** Whatever goes wrong in a step is how the request is answered. Most calls need no promise at all. */
  #later<T>(value: Promise<T>, step: (value: T) => void): void {
    value.then(step).catch((error: unknown) => this.refuse(error));
  }

  #found(web: WebRequest, { fn }: Definition): void {
    if (fn.annotations["web-export"] !== "true") throw notThere();
    this.context.kinds.checkInUse(fn);
    this.#fn = fn;
    checkLength(this.#request.body);
    if (web.method === "OPTIONS" && !seesToOptions(fn))
      return this.#answer({ status: status.ok, headers: [], type: null, body: noBytes });
    const user = this.#user(web);
    if (user instanceof Promise) this.#later(user, (name) => this.#admit(web, fn, name));
    else this.#admit(web, fn, user);
  }

  #admit(web: WebRequest, fn: Fn, user: string | null): void {
    if (web.method !== "OPTIONS" && !mayCall(fn, { user, secret: web.secret })) throw unauthorized();
    const payload = readPayload(this.#request);
    if (payload instanceof Promise) this.#later(payload, (bytes) => this.#go(web, fn, user, bytes));
    else this.#go(web, fn, user, payload);
  }

  /** Whose key came with the request; a wrong one is as good as none. */
  #user({ hasCredentials }: WebRequest): string | null | Promise<string | null> {
    if (!hasCredentials) return null;
    try {
      const caller = this.context.identify({ header: (name) => this.#request.header(name), loopback: false });
      return caller instanceof Promise ? caller.then(ownerOf, () => null) : ownerOf(caller);
    } catch {
      return null;
    }
  }

  #go(web: WebRequest, fn: Fn, user: string | null, bytes: Buffer): void {
    this.bytes = argumentsOf(web, fn, user, bytes);
    this.caller = web.owner;
    this.run(waitMs.max);
  }

  protected override show(kept: KeptOutcome, told: InvokeResult): void {
    this.#activationId = kept.record.id;
    const web = this.#web as WebRequest;
    const answer = this.#answerOf(web, kept, told);
    const isGood = answer.status < status.errorsFrom;
    if (isGood && answer.type !== null && !accepts(web.accept, answer.type)) throw notAcceptable(answer.type);
    this.#answer(answer);
  }

  #answerOf({ extension }: WebRequest, { record, result }: KeptOutcome, told: InvokeResult): WebAnswer {
    const recorded = endingOf(record);
    if (recorded > 1) throw failed();
    if (recorded === 0 && result !== null && isPlain(result))
      return extension === "http" ? asItIs(told, result) : answerOf(extension, plainResult(result));
    // A whole one is read here, and once: it may be large.
    if (result !== null && isWhole(result)) return shownResult(extension, recorded, bytesOf(result));
    const { ending, result: text } = outcomeOf(record, result, told.fn);
    return shownResult(extension, ending, Buffer.from(text ?? ""));
  }

  protected override showOngoing(activationId: string): void {
    this.#activationId = activationId;
    this.showRefusal(notReady());
  }

  #answer(answer: WebAnswer): void {
    const { status: code, body } = answer;
    const web = this.#web as WebRequest;
    const isSandboxed = !web.isOnOwnHost && this.context.functionOrigin !== "shared";
    const all = web.answerHeaders(answer, this.#isBare, isSandboxed);
    const own = this.#own(web.transaction);
    const response = this.#response;
    if (response.streamAlike === undefined) response.stream(code, [...all, ...own], new WholeBody(body), ignoreEnd);
    else response.streamAlike(code, all, own, new WholeBody(body), ignoreEnd);
  }

  /** The action sees to it itself who may read its answers. */
  get #isBare(): boolean {
    return this.#fn !== null && seesToOptions(this.#fn);
  }

  /** What only this answer has. */
  #own(transaction: string | undefined): string[] {
    if (this.#activationId === null) return ["X-Request-ID", transaction ?? transactionOf(this.#request, this.context.world)];
    const hex = idToHex(this.#activationId);
    return ["x-openwhisk-activation-id", hex, "X-Request-ID", transaction ?? hex];
  }

  protected override showRefusal(error: unknown): void {
    this.#request.body.cancel();
    const own = this.#own(this.#web?.transaction);
    const { status: code, headers, body } = failureReply(this.context, this.#request, error, own.at(-1) as string);
    const cors = this.#isBare ? [] : (this.#web?.cors ?? corsHeaders(undefined));
    this.#response.send(code, [...headers, ...cors, ...own], body);
  }
}

function requestOf(request: HttpRequest, hostsBelow: string): WebRequest {
  return new WebRequest(request, hostsBelow);
}

function ownerOf({ namespaces }: Caller): string | null {
  return namespaces?.[0] ?? null;
}

/** It answers OPTIONS itself, and says who may read its answers. */
function seesToOptions({ annotations }: Fn): boolean {
  return annotations["web-custom-options"] === "true";
}

/** Why there is nothing to call is not for everybody to know. */
function hide(error: unknown): never {
  throw asPlatformError(error).code === "internal" ? error : notThere();
}

/** All of the answer was kept, and there is some. */
function isWhole({ body, bytes }: CallResult): boolean {
  return bytes > 0 && bytes === body.length && bytes <= sizeLimits.payloadBytesMax;
}

/** The function knows HTTP, and answered something else than JSON. */
function isPlain(result: CallResult): boolean {
  if (result.contentType === "application/json") return false;
  const type = mediaType(result.contentType ?? "");
  return isWhole(result) && (type === null || !isJson(type));
}

function bytesOf({ body }: CallResult): Buffer {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

/** An action's own error is shown like a result. Throws `Refusal`. */
function shownResult(extension: Extension, ending: Ending, json: Buffer): WebAnswer {
  const value = parsed(json.toString());
  if (ending === 0) return answerOf(extension, { value, json });
  const error = memberOf(value, "error");
  if (error === undefined) throw noProperty();
  return answerOf(extension, { value: error, json: null });
}

/** Throws `Refusal`. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw failed();
  }
}

/** Text as it is, bytes in base64. */
function plainResult(result: CallResult): WebResult {
  const bytes = bytesOf(result);
  return { value: isUtf8(bytes) ? bytes.toString() : bytes.toString("base64"), json: null };
}

/** It has said all of its answer by itself. */
function asItIs(told: InvokeResult, result: CallResult): WebAnswer {
  const headers = told.ok ? endToEndHeaders(told.headers, ofTheBody) : [];
  return { status: result.status, headers, type: result.contentType ?? "application/octet-stream", body: bytesOf(result) };
}

const ofTheBody: ReadonlySet<string> = new Set(["content-type", "content-length"]);

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

/** The client is away, or has it. */
function ignoreEnd(): void {}
