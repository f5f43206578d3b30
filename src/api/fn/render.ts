/** The model as Fn's JSON, and the answers that are no errors. */
import type { UnderwayCall } from "../../invocation/invocation.ts";
import type { Activation, Annotations, App, Fn, Route } from "../../model/model.ts";
import { endpointKeys } from "./annotations.ts";
import { callMessage, status } from "./errors.ts";
import type { Reply } from "./reply.ts";
import { jsonReply } from "./reply.ts";
import { shownImage } from "./source.ts";

/** A success. */
export function okReply(json: string): Reply {
  return jsonReply(status.ok, json);
}

/** What follows a deletion. */
export const noContentReply = (): Reply => ({ status: status.noContent, headers: [], body: "" });

/** Sends a path with a slash too many to the path without it; only GET may become a GET. */
export function movedReply(method: string, location: string): Reply {
  const number = method === "GET" ? status.moved : status.movedWithMethod;
  return { status: number, headers: ["Location", location], body: "" };
}

/** An app. Empty members are left out, as Fn does. */
export function renderApp(app: App): string {
  return object([
    ["id", text(app.id)],
    ["name", text(app.name)],
    ["config", unlessEmpty(textMap(app.config))],
    ["annotations", unlessEmpty(rawMap(app.annotations))],
    ["syslog_url", app.syslogUrl === null ? undefined : text(app.syslogUrl)],
    ["shape", app.shape === "" ? undefined : text(app.shape)],
    ["created_at", time(app.createdAt)],
    ["updated_at", time(app.updatedAt)],
  ]);
}

/**
 * A function. `endpoint`: URL to invoke it, which the answer to PUT lacks. `emptyConfig`: Fn shows a config without keys
 * as null, except where the request itself made it.
 */
export function renderFn(fn: Fn, endpoint: string | null, emptyConfig: "null" | "{}" = "null"): string {
  const annotations = endpoint === null ? fn.annotations : { ...fn.annotations, [endpointKeys.fn]: text(endpoint) };
  return object([
    ["id", text(fn.id)],
    ["name", text(fn.name)],
    ["app_id", text(fn.appId ?? "")],
    ["image", text(shownImage(fn))],
    ["memory", String(fn.memoryMiB)],
    ["timeout", String(shownSeconds(fn.timeoutMs))],
    ["idle_timeout", String(shownSeconds(fn.idleTimeoutMs))],
    ["config", unlessEmpty(textMap(fn.config)) ?? emptyConfig],
    ["annotations", unlessEmpty(rawMap(annotations))],
    ["created_at", time(fn.createdAt)],
    ["shape", fn.shape === "" ? undefined : text(fn.shape)],
    ["updated_at", time(fn.updatedAt)],
  ]);
}

/** A route as Fn's trigger. `endpoint`: its URL, which the answer to PUT lacks. */
export function renderTrigger(route: Route, endpoint: string | null): string {
  const annotations = endpoint === null ? route.annotations : { ...route.annotations, [endpointKeys.trigger]: text(endpoint) };
  return object([
    ["id", text(route.id)],
    ["name", text(route.name)],
    ["app_id", text(route.appId)],
    ["fn_id", text(route.functionId)],
    ["created_at", time(route.createdAt)],
    ["updated_at", time(route.updatedAt)],
    ["type", text("http")],
    ["source", text(route.source)],
    ["annotations", unlessEmpty(rawMap(annotations))],
  ]);
}

/** A call. What it has not come to yet is left out, and so are statistics, which nobody gathers. */
export function renderCall(call: Activation | UnderwayCall, appName: string, now: number): string {
  const ended = "endedAt" in call ? call : null;
  const startedAt = ended === null ? null : Math.max(ended.startedAt, ended.endedAt - Math.round(ended.runMs));
  const callStatus = callStatusOf(call, now);
  const error = ended?.error && callStatus === "error" ? text(callMessage(ended.error, ended.start)) : undefined;
  return object([
    ["id", text(call.id)],
    ["status", text(callStatus)],
    ["completed_at", ended === null ? undefined : time(ended.endedAt)],
    ["created_at", time(call.startedAt)],
    ["started_at", startedAt === null ? undefined : time(startedAt)],
    ["error", error],
    ["app_id", text(call.appId ?? "")],
    ["app_name", text(appName)],
    ["trigger_id", text(call.routeId ?? "")],
    ["fn_id", text(call.functionId)],
  ]);
}

type CallStatus = "delayed" | "queued" | "running" | "success" | "error" | "timeout" | "cancelled";

function callStatusOf(call: Activation | UnderwayCall, now: number): CallStatus {
  switch (call.status) {
    case "queued":
      return call.dueAt !== null && call.dueAt > now ? "delayed" : "queued";
    case "running":
    case "success":
    case "timeout":
    case "cancelled":
      return call.status;
    case "function_error":
    case "developer_error":
    case "platform_error":
    case "dead_lettered":
      return "error";
  }
}

/** A page of items that are JSON already. */
export function renderList(items: readonly string[], next: string | undefined): string {
  return object([
    ["next_cursor", next === undefined ? undefined : text(next)],
    ["items", `[${items.join(",")}]`],
  ]);
}

/** Whole seconds, rounded up: other doors count in milliseconds. */
export function shownSeconds(ms: number): number {
  return Math.ceil(ms / 1000);
}

/** Members whose value is undefined are left out. */
export function object(members: readonly (readonly [name: string, json: string | undefined])[]): string {
  const parts: string[] = [];
  for (const [name, json] of members) if (json !== undefined) parts.push(`${JSON.stringify(name)}:${json}`);
  return `{${parts.join(",")}}`;
}

export const text = (value: string): string => JSON.stringify(value);

function time(ms: number): string {
  return text(new Date(ms).toISOString());
}

function textMap(map: Readonly<Record<string, string>>): string {
  return object(sorted(map).map(([key, value]) => [key, text(value)] as const));
}

function rawMap(map: Annotations): string {
  return object(sorted(map));
}

/** In byte order of the keys, as Go writes maps. */
function sorted(map: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(map).toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

function unlessEmpty(json: string): string | undefined {
  return json === "{}" ? undefined : json;
}
