import { status } from "./errors.ts";
import { jsonReply, type Reply } from "./reply.ts";

/** An answer that says what there is. */
export function okReply(value: unknown): Reply {
  return jsonReply(status.ok, JSON.stringify(value));
}
