/** Events: `POST /namespaces/{namespace}/triggers/{trigger}`. Answered as soon as what follows from it can't be lost; 204 where nothing does. */
import type { Caller } from "../../auth/auth.ts";
import { credentialHeaders, endToEndHeaders } from "../../http/headers.ts";
import type { Handler, HttpRequest, HttpResponse } from "../../http/http.ts";
import { keptOf } from "../../http/kept.ts";
import { PlatformError } from "../../model/error.ts";
import { idToHex } from "../../model/id.ts";
import { checkType } from "./body.ts";
import { entitled, failureReply, identified } from "./callers.ts";
import { missingIn } from "./collections.ts";
import { status } from "./errors.ts";
import { firePath } from "./invoke-path.ts";
import { nameIn, namespaceIn } from "./names.ts";
import type { WskContext } from "./openwhisk.ts";
import { payloadIn } from "./payload.ts";
import { givenTransaction, type Reply, sendActivation, sendReply, transactionOf } from "./reply.ts";
import { readPayload } from "./waited-call.ts";

/** See `openWhiskFire`. */
export function fireHandler(context: WskContext): Handler {
  return (request, response) => {
    fire(context, request, response).catch((error: unknown) => refuse(context, request, response, error));
  };
}

async function fire(context: WskContext, request: HttpRequest, response: HttpResponse): Promise<void> {
  const found = identified(context, request);
  const caller: Caller = found instanceof Promise ? await found : found;
  const { asked, name, contentType, headers, context: added, transaction } = keptOf(request, context, firableOf);
  const namespace = entitled(caller, asked, name);
  const payload = readPayload(request);
  const body = payload instanceof Promise ? await payload : payload;
  if (body.length > 0) checkType(contentType);
  const members = body.length > 0 ? payloadIn(body) : undefined;
  const event = { caller, namespace, trigger: name, headers, body, members, context: added };
  try {
    const { activationId } = await context.events.fire(event);
    if (activationId === null) sendReply(response, nothingReply, transaction ?? transactionOf(request, context.world));
    else showEvent(response, idToHex(activationId), transaction);
  } catch (error) {
    if (error instanceof PlatformError && error.code === "not_found")
      throw await missingIn({ context, namespace }, "triggers", name);
    throw error;
  }
}

const nothingReply: Reply = { status: status.nothing, headers: [], body: "" };

/** As a call that is accepted. */
function showEvent(response: HttpResponse, id: string, transaction: string | undefined): void {
  sendActivation(response, status.accepted, id, `{"activationId":"${id}"}`, transaction);
}

/** What a request fires: from the head alone, so equal requests share it. */
interface Firable {
  readonly asked: string;
  readonly name: string;
  readonly contentType: string | undefined;
  /** What functions see beside the event. */
  readonly headers: readonly string[];
  /** The headers, as one of the event's members; the same object for equal requests. */
  readonly context: { readonly __ow_headers: Readonly<Record<string, string>> };
  /** The caller's own name for the request. */
  readonly transaction: string | undefined;
}

/** What the body of an event has to be here. */
const jsonType: readonly string[] = ["Content-Type", "application/json"];

/** Actions may be somebody else's: what the caller identifies itself with is not among the headers, nor, as with OpenWhisk, what is said of the body. */
function firableOf(request: HttpRequest): Firable {
  const [ns, name] = (firePath.exec(request.path) as RegExpExecArray).slice(1) as [string, string];
  const sent = endToEndHeaders(request.headers, credentialHeaders);
  const shown: Record<string, string> = {};
  for (let i = 0; i + 1 < sent.length; i += 2) {
    const header = (sent[i] as string).toLowerCase();
    if (header !== "content-type" && header !== "content-length") shown[header] = sent[i + 1] as string;
  }
  const contentType = request.header("content-type");
  const context = { __ow_headers: shown };
  const transaction = givenTransaction(request);
  return { asked: namespaceIn(ns), name: nameIn(name), contentType, headers: jsonType, context, transaction };
}

function refuse(context: WskContext, request: HttpRequest, response: HttpResponse, error: unknown): void {
  request.body.cancel();
  const transaction = transactionOf(request, context.world);
  sendReply(response, failureReply(context, request, error, transaction), transaction);
}
