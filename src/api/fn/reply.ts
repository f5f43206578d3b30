/** An answer that is all in memory, and how it is sent. */
import type { HttpResponse } from "../../http/http.ts";

export interface Reply {
  readonly status: number;
  /** Names and values by turns. */
  readonly headers: readonly string[];
  readonly body: string;
}

/** JSON, with the line feed that Go's encoder ends a text with. */
export function jsonReply(status: number, json: string, headers: readonly string[] = []): Reply {
  return { status, headers: ["Content-Type", "application/json; charset=utf-8", ...headers], body: `${json}\n` };
}

/** Gives the answer to the listener. */
export function sendReply(response: HttpResponse, reply: Reply): void {
  response.send(reply.status, reply.headers, reply.body);
}
