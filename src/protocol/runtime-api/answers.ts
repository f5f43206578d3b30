/** What runtimes are answered, but for events: whole answers, in latin1. Statuses and words are those of Lambda. */

const reasons: Readonly<Record<number, string>> = {
  200: "OK",
  202: "Accepted",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  413: "Payload Too Large",
};

/** What a runtime said was taken. */
export const acceptedText = jsonText(202, '{"status":"OK"}\n');

/** That it was refused, and why: `errorType` and `errorMessage`, as clients print them. */
export function refusalText(status: number, type: string, message: string, connection?: "close"): string {
  return jsonText(status, `${JSON.stringify({ errorMessage: message, errorType: type })}\n`, connection);
}

/** The id is of no call that waits for an answer: an invented one, or one that was answered. */
export const unknownIdText = refusalText(400, "InvalidRequestID", "Invalid request ID");

/** What is asked for is not allowed now. */
export function wrongStateText(from: string, to: string): string {
  return refusalText(403, "InvalidStateTransition", `Transition from ${from} to ${to} is not allowed`);
}

/** A response that is longer than responses may be. */
export function tooLargeText(bytesMax: number): string {
  return refusalText(413, "RequestEntityTooLarge", `Exceeded maximum allowed payload size (${bytesMax} bytes).`);
}

export const invalidModeText = refusalText(400, "InvalidFunctionResponseMode", "Invalid function response mode");

/** Nothing is served under this path. */
export const notFoundText = refusalText(404, "NotFound", "There is no such path in this API");

export const pongText = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\npong`;

function jsonText(status: number, json: string, connection?: "close"): string {
  return jsonAnswer(status, json, connection === undefined ? [] : ["Connection: close"]);
}

/** `headers`: lines besides those of every answer. */
export function jsonAnswer(status: number, json: string, headers: readonly string[] = []): string {
  const more = headers.map((line) => `${line}\r\n`).join("");
  const lines = `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(json)}\r\n${more}`;
  return `HTTP/1.1 ${status} ${reasons[status]}\r\n${lines}\r\n${Buffer.from(json).toString("latin1")}`;
}

/** For programs that want no JSON. */
export const okText = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nOK`;
