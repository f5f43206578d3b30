/** What a caller of a platform does: calls, and reads the record and the output of a call. */
import assert from "node:assert/strict";
import type { Activation } from "../src/model/model.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The activation, in the spelling of the door. */
  readonly activationId: string;
  /** The text as JSON. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** The record as our API shows it. */
export type ShownRecord = Omit<Activation, "startedAt" | "endedAt" | "functionName"> & {
  readonly function: string;
  readonly startedAt: string;
  readonly endedAt: string;
};

/** POST: an object goes as JSON, anything else as it is. */
export async function call(url: string, body?: object | string | Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  const isJson = typeof body === "object" && !Buffer.isBuffer(body);
  return await send("POST", url, isJson ? JSON.stringify(body) : (body as string | undefined), {
    ...(isJson && { "content-type": "application/json" }),
    ...headers,
  });
}

/** Any request; no redirect is followed. */
export async function send(
  method: string,
  url: string,
  body?: string | Buffer,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers,
    ...(body !== undefined && { body: typeof body === "string" ? body : new Uint8Array(body) }),
    redirect: "manual",
    // A call that is never answered is a failure of its own, not of the whole run.
    signal: AbortSignal.timeout(60_000),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    activationId: response.headers.get("kiln-activation-id") ?? response.headers.get("fn-call-id") ?? "",
    get json() {
      return JSON.parse(text) as Readonly<Record<string, unknown>>;
    },
  };
}

/** Creates or changes something through our API; throws what it answered when that is no success. */
export async function put(url: string, body: object): Promise<Readonly<Record<string, unknown>>> {
  const answer = await send("PUT", url, JSON.stringify(body), { "content-type": "application/json" });
  assert.ok(answer.status < 300, `PUT ${url}: ${answer.status} ${answer.text}`);
  return answer.json;
}

const activations = "/kiln/v1/namespaces/guest/activations";

/** The record of a call, by any spelling of its id. */
export async function recordOf(base: string, id: string): Promise<ShownRecord> {
  const answer = await send("GET", `${base}${activations}/${id}`);
  assert.equal(answer.status, 200, answer.text);
  return answer.json as unknown as ShownRecord;
}

/** What a call printed, as "stream text". Output may trail its call by a moment; `count` lines are waited for. */
export async function linesOf(base: string, id: string, count = 0): Promise<string[]> {
  const giveUpAt = performance.now() + 10_000;
  for (;;) {
    const { items } = (await send("GET", `${base}${activations}/${id}/logs`)).json as {
      items: { stream: string; text: string }[];
    };
    if (items.length >= count || performance.now() > giveUpAt) return items.map(({ stream, text }) => `${stream} ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
