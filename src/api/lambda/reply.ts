/** An answer that is all in memory. */
import type { HttpResponse } from "../../http/http.ts";
import { idToUuid } from "../../model/id.ts";

export interface Reply {
  readonly status: number;
  /** Names and values by turns. */
  readonly headers: readonly string[];
  readonly body: string | Buffer;
}

const json = ["Content-Type", "application/json"];

export function jsonReply(status: number, body: object, headers: readonly string[] = []): Reply {
  return { status, headers: [...json, ...headers], body: JSON.stringify(body) };
}

/** 204. */
export const nothingReply: Reply = { status: 204, headers: [], body: "" };

/** `id`: of the call or, where none began, of the request. */
export function sendReply(response: HttpResponse, { status, headers, body }: Reply, id: string): void {
  response.send(status, [...headers, "x-amzn-RequestId", idToUuid(id)], body);
}
