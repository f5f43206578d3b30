import type { FunctionRequest } from "../protocol.ts";
import { contentTypeOf, deadlineOf, headOf, protocolOf, textOf } from "./answer.ts";
import type { ObjectExchange } from "./objects.ts";

/** A call in the format `json`: the body is a string, so bytes that are not UTF-8 do not survive it. */
export function jsonExchange(request: FunctionRequest, body: Buffer): ObjectExchange {
  const line = JSON.stringify({
    call_id: request.callId,
    deadline: deadlineOf(request),
    body: body.toString("utf8"),
    content_type: contentTypeOf(request),
    protocol: protocolOf(request),
  });
  return {
    line,
    answer: ({ body: text, content_type, protocol }) => ({
      ...headOf(protocol, content_type),
      body: Buffer.from(textOf("body", text ?? "")),
    }),
  };
}
