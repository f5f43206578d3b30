/** An answer that is all in memory, and what every answer carries. */
import type { HttpRequest, HttpResponse } from "../../http/http.ts";
import { requestIdOf } from "../../http/framework.ts";
import type { World } from "../../lib/world.ts";
import { idToHex } from "../../model/id.ts";

export interface Reply {
  readonly status: number;
  /** Names and values by turns. */
  readonly headers: readonly string[];
  readonly body: string;
}

/** Pages of every origin may ask: without the key they get nowhere. */
const corsHeaders: readonly string[] = [
  "Access-Control-Allow-Origin",
  "*",
  "Access-Control-Allow-Methods",
  "GET, DELETE, POST, PUT, HEAD",
  "Access-Control-Allow-Headers",
  "Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent",
];

const json = ["Content-Type", "application/json"];

/** Of answers that are JSON; always the same list. */
const jsonHeaders: readonly string[] = [...json, ...corsHeaders];

/** `body` is JSON text. */
export function jsonReply(status: number, body: string, headers: readonly string[] = []): Reply {
  return { status, headers: [...json, ...headers], body };
}

/** Names a request in its answer, in errors and for the code: the caller's own id, where it is none of those that are ours to give. */
export function transactionOf(request: Pick<HttpRequest, "header">, world: Pick<World, "newId">): string {
  return givenTransaction(request) ?? idToHex(world.newId());
}

export function givenTransaction(request: Pick<HttpRequest, "header">): string | undefined {
  const given = requestIdOf(request.header("x-request-id"));
  return given?.startsWith("sid_") === true ? undefined : given;
}

/** What tells of an activation, by its id in hex; there are many of these, and most of their heads is the same. */
export function sendActivation(response: HttpResponse, number: number, id: string, body: string, transaction = id): void {
  const own = ["x-openwhisk-activation-id", id, "X-Request-ID", transaction];
  if (response.sendAlike === undefined) response.send(number, [...jsonHeaders, ...own], body);
  else response.sendAlike(number, jsonHeaders, own, body);
}

export function sendReply(response: HttpResponse, { status, headers, body }: Reply, transaction: string): void {
  response.send(status, [...headers, ...corsHeaders, "X-Request-ID", transaction], body);
}
