/** What the head of a request says of the call that it wants. */
import { LRUCache } from "lru-cache";
import type { HttpRequest } from "../../http/http.ts";
import { invalidContent, invalidParameter, tooLarge, violates } from "./errors.ts";
import { lambdaLimits } from "./limits.ts";
import { arnOf, type Identity, type LambdaName, nameIn, shownName } from "./names.ts";

export type InvocationType = "RequestResponse" | "Event" | "DryRun";

export interface CallHead {
  readonly function: LambdaName;
  readonly type: InvocationType;
  /** What it prints is wanted, too. */
  readonly tail: boolean;
  /** What the code sees. */
  readonly headers: readonly string[];
}

/** `segment`: the function in the path, as sent. Throws `Refusal`. */
export function callHeadOf(request: HttpRequest, segment: string, identity: Identity): CallHead {
  const { target, path } = request;
  const query = target.length === path.length ? null : new URLSearchParams(target.slice(path.length));
  const named = nameIn(segment, query?.get("Qualifier") ?? null, identity);
  return {
    function: named,
    type: typeOf(request.header("x-amz-invocation-type")),
    tail: tailOf(request.header("x-amz-log-type")),
    headers: headersOf(request, arnOf(identity, shownName(named.app, named.name), named.qualifier)),
  };
}

function typeOf(given: string | undefined): InvocationType {
  switch (given) {
    case undefined:
    case "":
      return "RequestResponse";
    case "RequestResponse":
    case "Event":
    case "DryRun":
      return given;
    default:
      throw violates(
        given.slice(0, 60),
        "invocationType",
        "Member must satisfy enum value set: [Event, RequestResponse, DryRun]",
      );
  }
}

function tailOf(given: string | undefined): boolean {
  if (given === undefined || given === "" || given === "None") return false;
  if (given === "Tail") return true;
  throw violates(given.slice(0, 60), "logType", "Member must satisfy enum value set: [Tail, None]");
}

/** By ARN: most calls say nothing else, and who speaks to the code knows a list that it has seen. */
const plain = new LRUCache<string, readonly string[]>({ max: 10_000 });

function headersOf(request: HttpRequest, arn: string): readonly string[] {
  const client = request.header("x-amz-client-context");
  const trace = request.header("x-amzn-trace-id");
  const parent = request.header("traceparent");
  const known = plain.get(arn) ?? ["content-type", "application/json", "lambda-runtime-invoked-function-arn", arn];
  if (client === undefined && trace === undefined && parent === undefined) {
    plain.set(arn, known);
    return known;
  }
  return [
    ...known,
    ...(client === undefined ? [] : ["lambda-runtime-client-context", clientContext(client)]),
    ...(trace === undefined ? [] : ["lambda-runtime-trace-id", trace]),
    ...(parent === undefined ? [] : ["traceparent", parent]),
  ];
}

/** Of base64 the JSON in it, in letters that a header may have. */
function clientContext(given: string): string {
  if (given.length > lambdaLimits.clientContextBytesMax)
    throw invalidParameter("Client context must be no more than 3583 bytes when base64 encoded");
  try {
    const value: unknown = JSON.parse(Buffer.from(given, "base64").toString());
    if (typeof value === "object" && value !== null) return JSON.stringify(value).replaceAll(/[^\x20-\x7e]/g, escaped);
  } catch {
    // The same as JSON that is no object.
  }
  throw invalidContent("Client context must be a valid Base64-encoded JSON object.");
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** What the code is sent: nothing is `{}`. Throws `Refusal`. */
export function payloadIn(bytes: Buffer, type: InvocationType): Buffer {
  if (bytes.length === 0) return emptyPayload;
  const max = type === "Event" ? lambdaLimits.asyncPayloadBytesMax : lambdaLimits.payloadBytesMax;
  if (bytes.length > max) throw tooLarge(max);
  try {
    JSON.parse(bytes.toString());
  } catch (error) {
    throw invalidContent(`Could not parse request body into json: ${(error as Error).message}`);
  }
  return bytes;
}

const emptyPayload = Buffer.from("{}");
