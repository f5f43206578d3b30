/** Statuses and texts of the API gateway. */
import { jsonReply, type Reply } from "../reply.ts";

/** What keeps an API from being made, read or deleted, in a sentence for who asked. */
export class ApiFailure extends Error {}

/** Of a sentence that quotes what it was given. */
const charactersMax = 1000;

/** As the actions of OpenWhisk answer that look after APIs. */
export function failedReply({ message }: ApiFailure): Reply {
  const error = message.length > charactersMax ? `${message.slice(0, charactersMax)}…` : message;
  return jsonReply(502, JSON.stringify({ error }));
}

/** What the gateway itself answers. */
export interface GatewayAnswer {
  readonly status: number;
  /** Names and values by turns. */
  readonly headers: readonly string[];
  readonly body: string;
}

export const notFound = answer(404, { status: 404, message: "Error: Not found." });
export const noVerb = answer(404, { status: 404, message: "Error: Whoops. Verb not supported." });
/** An operation that leads nowhere. */
export const noBackend = answer(500, {
  code: 500,
  message: "Oops. Something went wrong. Check your URI and try again.",
});
export const failed = answer(500, { status: 500, message: "Error: Internal error." });
export const preflight: GatewayAnswer = { status: 200, headers: [], body: "" };

function answer(status: number, body: object): GatewayAnswer {
  return { status, headers: ["Content-Type", "application/json; charset=utf-8"], body: `${JSON.stringify(body)}\n` };
}
