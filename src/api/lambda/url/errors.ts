/** What is answered at a URL in the place of a function: statuses, names and texts are Lambda's. */
import { asPlatformError, PlatformError } from "../../../model/error.ts";
import { asRefusal, Refusal } from "../errors.ts";
import type { Reply } from "../reply.ts";

export const status = { ok: 200, forbidden: 403, notFound: 404, tooMany: 429, failed: 502, timedOut: 504 } as const;

/** Those that a function may answer with: with a smaller one an answer does not end. */
export const statusRange = { min: 200, max: 599 } as const;

export const forbidden = () => new Refusal(status.forbidden, "AccessDenied", "Forbidden");

/** The function answered something that is no answer. */
export const malformed = (text: string) => new PlatformError("function_protocol", text);

/** Nobody is told more of a URL that is not there. */
export const unknownUrl: Reply = {
  status: status.forbidden,
  headers: ["Content-Type", "application/json", "x-amzn-ErrorType", "AccessDeniedException"],
  body: '{"Message":null}',
};

/** Any failure as an answer; those of the function say nothing of it. */
export function urlErrorReply(thrown: unknown): Reply {
  if (!(thrown instanceof Refusal)) {
    const { code } = asPlatformError(thrown);
    if (code === "timeout" || code === "start_timeout") return plain(status.timedOut, "Gateway Timeout");
    if (isFunctionsFault(code)) return plain(status.failed, "Internal Server Error");
  }
  return refused(asRefusal(thrown));
}

function isFunctionsFault(code: string): boolean {
  return code.startsWith("function_") || code === "response_too_large" || code === "cancelled";
}

/** That there is no function is not for everybody to know, nor what is wrong with a signature. */
function refused(refusal: Refusal): Reply {
  const isHidden = refusal.status === status.notFound || refusal.status === status.forbidden;
  const { status: number, code, message, headers } = isHidden ? forbidden() : refusal;
  return {
    status: number,
    headers: ["Content-Type", "application/json", "x-amzn-ErrorType", `${code}Exception`, ...headers],
    body: JSON.stringify({ Message: message }),
  };
}

function plain(number: number, text: string): Reply {
  return { status: number, headers: ["Content-Type", "text/plain"], body: text };
}
