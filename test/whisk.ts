/** OpenWhisk's API as tests ask it, without a client. */
import type { Platform } from "./platform.ts";

/** What tests look at of an activation. */
export interface WhiskActivation {
  readonly activationId: string;
  readonly response: { readonly status: string; readonly success: boolean; readonly result: unknown };
  readonly annotations: readonly { readonly key: string; readonly value: unknown }[];
}

/** A request below `/api/v1/namespaces/_`; its status and its body. */
export async function whisk<Body = unknown>(
  { url, auth }: Pick<Platform, "url" | "auth">,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ readonly status: number; readonly body: Body }> {
  const response = await fetch(`${url}/api/v1/namespaces/_/${path}`, {
    method,
    headers: { authorization: `Basic ${btoa(auth)}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: (text === "" ? null : JSON.parse(text)) as Body };
}

/** Makes an action, or changes it. Rejects with what the server says. */
export async function putAction(platform: Pick<Platform, "url" | "auth">, name: string, fields: object): Promise<void> {
  const { status, body } = await whisk(platform, "PUT", `actions/${name}?overwrite=true`, fields);
  if (status !== 200) throw new Error(`PUT ${name}: ${status} ${JSON.stringify(body)}`);
}

/** A blocking call: its status and its activation. */
export function invoke(platform: Pick<Platform, "url" | "auth">, name: string, parameters: object = {}) {
  return whisk<WhiskActivation>(platform, "POST", `actions/${name}?blocking=true`, parameters);
}

/** What a call printed as `stream: text`, once there are so many lines; they arrive a moment after the call. */
export async function linesOf(platform: Pick<Platform, "url" | "auth">, activationId: string, count: number): Promise<string[]> {
  for (let attempt = 0; ; attempt++) {
    const { body } = await whisk<{ logs?: string[] }>(platform, "GET", `activations/${activationId}/logs`);
    const logs = body.logs ?? [];
    if (logs.length >= count || attempt > 400) return logs.map((line) => line.slice(line.indexOf(" ") + 1).trimStart());
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
