/** Calls a function and takes in its whole answer. */
import { callAddress } from "./resources.ts";
import { send } from "./client.ts";
import type { Fn } from "./types.ts";

export interface CallRequest {
  readonly body: string;
  /** "" sends no Content-Type and no body. */
  readonly type: string;
  /** `Name: value`, one a line. */
  readonly headers: string;
  /** Answer with an activation's id as soon as the call cannot be lost. */
  readonly later: boolean;
}

export interface CallAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  readonly type: string;
  /** Null when the call was refused before there was one. */
  readonly activationId: string | null;
  /** From the click to the last byte, as this page saw it. */
  readonly durationMs: number;
  readonly later: boolean;
}

/** Rejects where there is no whole answer, with a sentence for people or with what `fetch` rejects with. */
export async function callFunction(ns: string, fn: Fn, request: CallRequest, signal: AbortSignal): Promise<CallAnswer> {
  const beganAt = performance.now();
  const headers = new Headers(parseHeaders(request.headers));
  if (request.type !== "") headers.set("content-type", request.type);
  const body = request.type === "" ? null : request.body;
  const response = await send(callAddress(ns, fn.app, fn.name, request.later), { method: "POST", headers, body, signal });
  if (response.type === "opaqueredirect")
    throw new Error("The function answered with a redirect, which browsers do not show to pages.");
  const text = await response.text().catch(() => {
    throw new Error("The answer broke off: the function or the connection ended in the middle of it.");
  });
  return {
    status: response.status,
    headers: [...response.headers],
    body: text,
    type: response.headers.get("content-type") ?? "",
    activationId: response.headers.get("kiln-activation-id"),
    durationMs: performance.now() - beganAt,
    later: request.later,
  };
}

/** Throws an `Error` that names the line that is no header. */
export function parseHeaders(text: string): [name: string, value: string][] {
  return text
    .split("\n")
    .map((line, index): [string, number] => [line.trim(), index + 1])
    .filter(([line]) => line !== "")
    .map(([line, number]) => {
      const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*([\t\x20-\x7e\x80-\xff]*)$/.exec(line);
      if (match === null) throw new Error(`Line ${number} of the headers is not of the form Name: value`);
      return [match[1] as string, match[2] as string];
    });
}
