/** A request as the event that a function is sent: payload format 2.0. */
import { isUtf8 } from "node:buffer";
import type { UrlRequest } from "./request.ts";

/** What a call adds to the head of its request. */
export interface EventFacts {
  /** Address of the peer. */
  readonly peer: string;
  /** A UUID. */
  readonly requestId: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Who signed it; null: anybody may ask. */
  readonly signer: Signer | null;
  readonly body: Buffer;
}

/** Whose key a request is signed by. */
export interface Signer {
  readonly account: string;
  readonly accessKeyId: string;
  readonly keyId: string;
  readonly namespace: string;
}

/** JSON, written in pieces: most of it is the same for all equal requests. */
export function eventOf(request: UrlRequest, facts: EventFacts): Buffer {
  return Buffer.from(
    `${request.eventStart},${ownHeaders(request, facts)}},${request.parameters}"requestContext":${contextOf(request, facts)},${bodyOf(request, facts.body)}}`,
  );
}

/** What proves a signer to us is not for the function. */
function ownHeaders({ authorization, forwardedFor }: UrlRequest, { peer, signer }: EventFacts): string {
  const own = signer === null && authorization !== undefined ? `,"authorization":${JSON.stringify(authorization)}` : "";
  const from = forwardedFor === undefined ? peer : `${forwardedFor}, ${peer}`;
  return `"x-forwarded-for":${JSON.stringify(from)}${own}`;
}

function contextOf({ id, context }: UrlRequest, { signer, peer, requestId, at }: EventFacts): string {
  const account = signer === null ? '"anonymous"' : `"${signer.account}","authorizer":${authorizerOf(signer)}`;
  return `{"accountId":${account},"apiId":"${id}",${context},"sourceIp":"${peer}"},"requestId":"${requestId}","routeKey":"$default","stage":"$default","time":"${written(at)}","timeEpoch":${at}}`;
}

/** A namespace is what comes nearest to a user. */
function authorizerOf({ account, accessKeyId, keyId, namespace }: Signer): string {
  return JSON.stringify({
    iam: {
      accessKey: accessKeyId,
      accountId: account,
      callerId: keyId,
      cognitoIdentity: null,
      principalOrgId: null,
      userArn: `arn:aws:iam::${account}:user/${namespace}`,
      userId: keyId,
    },
  });
}

function bodyOf({ isText }: UrlRequest, body: Buffer): string {
  if (body.length === 0) return '"isBase64Encoded":false';
  if (isText && isUtf8(body)) return `"body":${JSON.stringify(body.toString())},"isBase64Encoded":false`;
  return `"body":"${body.toString("base64")}","isBase64Encoded":true`;
}

/** The second that was written last: to write one costs as much as the rest of an event. */
let latest = { second: 0, text: "01/Jan/1970:00:00:00 +0000" };

/** As `12/Mar/2020:19:03:58 +0000`. */
function written(at: number): string {
  const second = Math.floor(at / 1000);
  if (second !== latest.second) {
    const text = new Date(at).toUTCString();
    latest = { second, text: `${text.slice(5, 7)}/${text.slice(8, 11)}/${text.slice(12, 16)}:${text.slice(17, 25)} +0000` };
  }
  return latest.text;
}
