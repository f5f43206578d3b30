/** An answer that is all in memory, and how it is sent. */
import type { HttpResponse } from "../../http/http.ts";

export interface Reply {
  readonly status: number;
  /** Names and values by turns. */
  readonly headers: readonly string[];
  readonly body: string | Buffer;
}

/** JSON as Go's encoder writes it: with nothing in it that HTML or JavaScript would take for its own. */
export function jsonReply(status: number, json: string, headers: readonly string[] = []): Reply {
  const body = json.replace(/[<>&\u2028\u2029]/g, escaped);
  return { status, headers: ["Content-Type", "application/json; charset=utf-8", ...headers], body };
}

/** These are found inside of texts only. */
function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Plain text, as it is. */
export function textReply(status: number, body: string): Reply {
  return { status, headers: ["Content-Type", "text/plain; charset=utf-8"], body };
}

/** Gives the answer to the listener. */
export function sendReply(response: HttpResponse, reply: Reply): void {
  response.send(reply.status, reply.headers, reply.body);
}
