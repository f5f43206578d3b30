/** What is said to a proxy, as JSON. */
import { idToHex } from "../../model/id.ts";
import type { Fn } from "../../model/model.ts";
import type { ApiAccess } from "../api-access.ts";
import { apiKeyOf } from "../api-access.ts";
import { lowerName } from "../headers.ts";
import type { FunctionRequest, LaunchApp } from "../protocol.ts";

/** Code for what runs in an image. */
export interface ProxyCode {
  readonly text: string;
  /** `text` is base64. */
  readonly binary: boolean;
}

/** Whose code it is, in OpenWhisk's words. */
export interface Identity {
  readonly namespace: string;
  /** With namespace and package. */
  readonly action: string;
  readonly version: string;
  /** Empty: the code gets none. */
  readonly apiKey: string;
}

export function identityOf(fn: Fn, app: LaunchApp, api: ApiAccess): Identity {
  const path = app.name === null ? fn.name : `${app.name}/${fn.name}`;
  const apiKey = apiKeyOf(fn, api) ?? "";
  return { namespace: fn.namespace, action: `/${app.namespace ?? fn.namespace}/${path}`, version: `0.0.${fn.revision}`, apiKey };
}

/** `POST /init`. `code` null: the image has it. */
export function initMessage(fn: Fn, app: LaunchApp, code: ProxyCode | null, identity: Identity): string {
  const main = (fn.source.type === "image" ? fn.source.handler : null) ?? "main";
  const env = { ...app.config, ...fn.config, ...environment(identity) };
  return JSON.stringify({ value: { name: fn.name, main, code: code?.text ?? "", binary: code?.binary ?? false, env } });
}

function environment({ namespace, action, version, apiKey }: Identity): Readonly<Record<string, string>> {
  return {
    __OW_NAMESPACE: namespace,
    __OW_ACTION_NAME: action,
    __OW_ACTION_VERSION: version,
    ...(apiKey === "" ? {} : { __OW_API_KEY: apiKey }),
  };
}

/** `POST /run`. `value`: JSON text. */
export function runMessage(request: FunctionRequest, value: string, identity: Identity, apiHost: string): string {
  const { namespace, action, version, apiKey } = identity;
  const activation = idToHex(request.callId);
  const head = JSON.stringify({
    namespace,
    action_name: action,
    action_version: version,
    activation_id: activation,
    transaction_id: transactionOf(request.headers) ?? activation,
    // A text, as the numbers of some languages are too small for it.
    deadline: String(request.deadlineAt),
    ...(apiHost === "" ? {} : { api_host: apiHost }),
    ...(apiKey === "" ? {} : { api_key: apiKey }),
  });
  return `{"value":${value},${head.slice(1)}`;
}

function transactionOf(headers: readonly string[]): string | undefined {
  for (let i = 0; i < headers.length; i += 2) if (lowerName(headers[i] as string) === "x-request-id") return headers[i + 1];
  return undefined;
}

/** The parameters of a call under those of its body, as JSON text; what is no object or array comes as `__ow_body` (docs/frames.md, Parameters). */
export function parametersText({ parameters, config }: Pick<Fn, "parameters" | "config">, body: Buffer): string {
  const given = valueOf(body);
  if (Array.isArray(given)) return JSON.stringify(given);
  // What is in the environment is no parameter as well.
  const all = Object.entries({ ...parameters, ...(given as object) }).filter(([name]) => !Object.hasOwn(config, name));
  return JSON.stringify(Object.fromEntries(all));
}

function valueOf(body: Buffer): unknown {
  if (body.length === 0) return {};
  const text = body.toString();
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : { __ow_body: value };
  } catch {
    return { __ow_body: Buffer.from(text).equals(body) ? text : body.toString("base64") };
  }
}
