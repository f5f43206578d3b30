import { idToUuid } from "../../model/id.ts";
import { headerLines } from "../../wire/http1-request.ts";
import { lowerName } from "../headers.ts";
import type { FunctionRequest } from "../protocol.ts";
import { lambdaTraceId } from "./environment.ts";

const arnName = "Lambda-Runtime-Invoked-Function-Arn";
const traceName = "Lambda-Runtime-Trace-Id";

/** What a caller may say of itself: these headers of a call are told to the code under the same names. */
const callersNames: ReadonlyMap<string, string> = new Map([
  ["lambda-runtime-client-context", "Lambda-Runtime-Client-Context"],
  ["lambda-runtime-cognito-identity", "Lambda-Runtime-Cognito-Identity"],
  ["lambda-runtime-invoked-function-arn", arnName],
  ["lambda-runtime-trace-id", traceName],
]);

/** Heads of the answers that events come with. A caller's headers are mostly those of the call before, and then their lines are, too. */
export class EventHeads {
  readonly #arn: string;
  #given: readonly string[] | null = null;
  #lines = "";
  #tellsTrace = false;

  /** `arn`: for callers that name none. */
  constructor(arn: string) {
    this.#arn = arn;
  }

  /** Throws PlatformError invalid on what no head can say. */
  of(request: FunctionRequest, requestId: string, bytes: number): string {
    const { headers, deadlineAt, traceparent } = request;
    if (headers !== this.#given) this.#read(headers);
    const trace = this.#tellsTrace || traceparent === undefined ? "" : `${traceName}: ${lambdaTraceId(traceparent)}\r\n`;
    return `${start}Lambda-Runtime-Aws-Request-Id: ${requestId}\r\nLambda-Runtime-Deadline-Ms: ${Math.floor(deadlineAt)}\r\n${this.#lines}${trace}Content-Length: ${bytes}\r\n\r\n`;
  }

  #read(headers: readonly string[]): void {
    const told = new Map<string, string>([[arnName, this.#arn]]);
    for (let i = 0; i < headers.length; i += 2) {
      const name = callersNames.get(lowerName(headers[i] as string));
      if (name !== undefined) told.set(name, headers[i + 1] as string);
    }
    this.#lines = headerLines([...told].flat());
    this.#tellsTrace = told.has(traceName);
    this.#given = headers;
  }
}

/** What a caller says in a header of this name, in lower case. */
export function callersHeader(headers: readonly string[], lower: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) if (lowerName(headers[i] as string) === lower) return headers[i + 1];
  return undefined;
}

/** How a call is called on this API. */
export const requestIdOf = (callId: string): string => idToUuid(callId);

const start = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
