/** Events: `POST /namespaces/{namespace}/triggers/{trigger}`. Answered as soon as what follows from it can't be lost; 204 where nothing does. */
import type { Caller } from "../../auth/auth.ts";
import { credentialHeaders, endToEndHeaders } from "../../http/headers.ts";
import type { Handler, HttpRequest, HttpResponse } from "../../http/http.ts";
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
import { jsonReply, type Reply, sendReply, transactionOf } from "./reply.ts";
import { readPayload } from "./waited-call.ts";

/** See `openWhiskFire`. */
export function fireHandler(context: WskContext): Handler {
  return (request, response) => {
    fire(context, request)
      .catch((error: unknown) => refused(context, request, error))
      .then((reply) => answer(context, request, response, reply));
  };
}

async function fire(context: WskContext, request: HttpRequest): Promise<Reply> {
  const found = identified(context, request);
  const caller: Caller = found instanceof Promise ? await found : found;
  const { asked, name, contentType, headers, shown } = firableOf(request);
  const namespace = entitled(caller, asked, name);
  const payload = readPayload(request);
  const body = payload instanceof Promise ? await payload : payload;
  if (body.length > 0) {
    checkType(contentType);
    payloadIn(body);
  }
  const event = { caller, namespace, trigger: name, headers, body, context: { __ow_headers: shown } };
  try {
    const { activationId } = await context.events.fire(event);
    return activationId === null ? nothingReply : firedReply(idToHex(activationId));
  } catch (error) {
    if (error instanceof PlatformError && error.code === "not_found")
      throw await missingIn({ context, namespace }, "triggers", name);
    throw error;
  }
}

const nothingReply: Reply = { status: status.nothing, headers: [], body: "" };

function firedReply(activationId: string): Reply {
  return jsonReply(status.accepted, `{"activationId":"${activationId}"}`, ["x-openwhisk-activation-id", activationId]);
}

/** What a request fires: from the head alone, so equal requests share it. */
interface Firable {
  readonly asked: string;
  readonly name: string;
  readonly contentType: string | undefined;
  /** What functions see beside the event. */
  readonly headers: readonly string[];
  /** The headers, as one of the event's members. */
  readonly shown: Readonly<Record<string, string>>;
}

function firableOf(request: HttpRequest): Firable {
  const { notes } = request;
  if (notes?.kept !== undefined) return notes.kept as Firable;
  const made = madeFirable(request);
  if (notes !== undefined) notes.kept = made;
  return made;
}

/** Actions may be somebody else's: what the caller identifies itself with is not among the headers, nor, as with OpenWhisk, what is said of the body. */
function madeFirable(request: HttpRequest): Firable {
  const [ns, name] = (firePath.exec(request.path) as RegExpExecArray).slice(1) as [string, string];
  const sent = endToEndHeaders(request.headers, credentialHeaders);
  const shown: Record<string, string> = {};
  for (let i = 0; i + 1 < sent.length; i += 2) {
    const header = (sent[i] as string).toLowerCase();
    if (header !== "content-type" && header !== "content-length") shown[header] = sent[i + 1] as string;
  }
  const contentType = request.header("content-type");
  return { asked: namespaceIn(ns), name: nameIn(name), contentType, headers: ["Content-Type", "application/json"], shown };
}

function refused(context: WskContext, request: HttpRequest, error: unknown): Reply {
  request.body.cancel();
  return failureReply(context, request, error, transactionOf(request, context.world));
}

function answer(context: WskContext, request: HttpRequest, response: HttpResponse, reply: Reply): void {
  sendReply(response, reply, transactionOf(request, context.world));
}
