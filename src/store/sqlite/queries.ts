/** The nouns as rows: table, columns in both directions, and what must be there for an item to be. */
import type { Api, App, AppBinding, Fn, Route, Rule, Trigger } from "../../model/model.ts";
import type { Row, SqlValue, Statement } from "../../sql/sql.ts";
import { functionInBinding, missing, type Noun } from "../refusals.ts";

/** What every defined noun has. */
export interface Definition {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
}

/** How one noun is kept. */
export interface Table<T extends Definition> {
  readonly noun: Noun;
  readonly table: string;
  /** Every column but `namespace` and `id`, which are the key. */
  toColumns(item: T): Readonly<Record<string, SqlValue>>;
  fromRow(row: Row): T;
  /** Fail with not_found when what the item belongs to is not there. */
  parents(item: T): readonly Statement[];
}

export const appTable: Table<App> = {
  noun: "App",
  table: "apps",
  toColumns: (app) => ({
    name: app.name,
    config_json: JSON.stringify(app.config),
    annotations_json: JSON.stringify(app.annotations),
    syslog_url: app.syslogUrl,
    shape: app.shape,
    parameters_json: jsonOrNull(app.parameters),
    published: app.published === true ? 1 : 0,
    binding_json: jsonOrNull(app.binding),
    ...toTimes(app),
  }),
  fromRow: (row) => ({
    ...fromKey(row),
    config: json(row.config_json),
    annotations: json(row.annotations_json),
    syslogUrl: textOrNull(row.syslog_url),
    shape: String(row.shape),
    ...(row.parameters_json === null ? {} : { parameters: json<Record<string, unknown>>(row.parameters_json) }),
    ...(row.published === 1 ? { published: true as const } : {}),
    ...(row.binding_json === null ? {} : { binding: json<AppBinding>(row.binding_json) }),
    ...fromTimes(row),
  }),
  parents: (app) => [namespaceExists(app.namespace)],
};

export const functionTable: Table<Fn> = {
  noun: "Function",
  table: "functions",
  toColumns: (fn) => ({
    app_id: fn.appId,
    name: fn.name,
    source_json: JSON.stringify(fn.source),
    protocol: fn.protocol,
    memory_mib: fn.memoryMiB,
    timeout_ms: fn.timeoutMs,
    idle_timeout_ms: fn.idleTimeoutMs,
    concurrency: fn.concurrency,
    sandboxes_max: fn.sandboxesMax,
    isolation: fn.isolation,
    sandbox_age_ms_max: fn.sandboxAgeMsMax,
    provisioned: fn.provisioned,
    keep_alive: fn.keepAlive,
    egress_json: JSON.stringify(fn.egress),
    delivery_json: JSON.stringify(fn.delivery),
    traffic_json: JSON.stringify(fn.traffic),
    config_json: JSON.stringify(fn.config),
    parameters_json: JSON.stringify(fn.parameters),
    annotations_json: JSON.stringify(fn.annotations),
    log_bytes_max: fn.logBytesMax ?? null,
    shape: fn.shape,
    ...toTimes(fn),
  }),
  fromRow: (row) => ({
    ...fromKey(row),
    appId: textOrNull(row.app_id),
    source: json(row.source_json),
    protocol: String(row.protocol) as Fn["protocol"],
    memoryMiB: Number(row.memory_mib),
    timeoutMs: Number(row.timeout_ms),
    idleTimeoutMs: Number(row.idle_timeout_ms),
    concurrency: Number(row.concurrency),
    sandboxesMax: Number(row.sandboxes_max),
    isolation: String(row.isolation) as Fn["isolation"],
    sandboxAgeMsMax: Number(row.sandbox_age_ms_max),
    provisioned: Number(row.provisioned),
    keepAlive: String(row.keep_alive) as Fn["keepAlive"],
    egress: json(row.egress_json),
    delivery: json(row.delivery_json),
    traffic: json(row.traffic_json),
    config: json(row.config_json),
    parameters: json(row.parameters_json),
    annotations: json(row.annotations_json),
    ...(row.log_bytes_max === null ? {} : { logBytesMax: Number(row.log_bytes_max) }),
    shape: String(row.shape),
    ...fromTimes(row),
  }),
  parents: (fn) => [namespaceExists(fn.namespace), ...(fn.appId === null ? [] : appWithFunctions(fn.namespace, fn.appId))],
};

export const routeTable: Table<Route> = {
  noun: "Route",
  table: "routes",
  toColumns: (route) => ({
    app_id: route.appId,
    function_id: route.functionId,
    name: route.name,
    source: route.source,
    annotations_json: JSON.stringify(route.annotations),
    ...toTimes(route),
  }),
  fromRow: (row) => ({
    ...fromKey(row),
    appId: String(row.app_id),
    functionId: String(row.function_id),
    source: String(row.source),
    annotations: json(row.annotations_json),
    ...fromTimes(row),
  }),
  parents: (route) => [
    exists("App", "apps", route.namespace, route.appId),
    {
      sql: "SELECT 1 FROM functions WHERE namespace = ? AND id = ? AND app_id = ?",
      params: [route.namespace, route.functionId, route.appId],
      oneRowElse: missing("Function", route.functionId),
    },
  ],
};

export const apiTable: Table<Api> = {
  noun: "API",
  table: "apis",
  toColumns: (api) => ({ name: api.name, title: api.title, document: api.document, ...toTimes(api) }),
  fromRow: (row) => ({ ...fromKey(row), title: String(row.title), document: String(row.document), ...fromTimes(row) }),
  parents: (api) => [namespaceExists(api.namespace)],
};

export const triggerTable: Table<Trigger> = {
  noun: "Trigger",
  table: "triggers",
  toColumns: (trigger) => ({
    name: trigger.name,
    parameters_json: JSON.stringify(trigger.parameters),
    annotations_json: JSON.stringify(trigger.annotations),
    ...toTimes(trigger),
  }),
  fromRow: (row) => ({
    ...fromKey(row),
    parameters: json(row.parameters_json),
    annotations: json(row.annotations_json),
    ...fromTimes(row),
  }),
  parents: (trigger) => [namespaceExists(trigger.namespace)],
};

export const ruleTable: Table<Rule> = {
  noun: "Rule",
  table: "rules",
  toColumns: (rule) => ({
    name: rule.name,
    trigger_id: rule.triggerId,
    trigger_name: rule.triggerName,
    target_json: JSON.stringify(rule.target),
    active: rule.active ? 1 : 0,
    annotations_json: JSON.stringify(rule.annotations),
    ...toTimes(rule),
  }),
  fromRow: (row) => ({
    ...fromKey(row),
    triggerId: String(row.trigger_id),
    triggerName: String(row.trigger_name),
    target: json(row.target_json),
    active: row.active === 1,
    annotations: json(row.annotations_json),
    ...fromTimes(row),
  }),
  parents: (rule) => [exists("Trigger", "triggers", rule.namespace, rule.triggerId)],
};

/** Refuses the write unless the namespace is there. */
export function namespaceExists(name: string): Statement {
  return { sql: "SELECT 1 FROM namespaces WHERE name = ?", params: [name], oneRowElse: missing("Namespace", name) };
}

function exists(noun: Noun, table: string, namespace: string, id: string): Statement {
  const sql = `SELECT 1 FROM ${table} WHERE namespace = ? AND id = ?`;
  return { sql, params: [namespace, id], oneRowElse: missing(noun, id) };
}

/** An app that is no binding. */
function appWithFunctions(namespace: string, id: string): readonly Statement[] {
  const isNoBinding = "SELECT 1 FROM apps WHERE namespace = ? AND id = ? AND binding_json IS NULL";
  return [exists("App", "apps", namespace, id), { sql: isNoBinding, params: [namespace, id], oneRowElse: functionInBinding(id) }];
}

interface Times {
  readonly revision: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

function toTimes(item: Times): Readonly<Record<string, SqlValue>> {
  return { revision: item.revision, created_at: item.createdAt, updated_at: item.updatedAt };
}

function fromTimes(row: Row): Times {
  return { revision: Number(row.revision), createdAt: Number(row.created_at), updatedAt: Number(row.updated_at) };
}

function fromKey(row: Row): { id: string; namespace: string; name: string } {
  return { id: String(row.id), namespace: String(row.namespace), name: String(row.name) };
}

/** The column was written by `toColumns`, so its text has the type it had there. */
function json<T>(value: SqlValue | undefined): T {
  return JSON.parse(String(value)) as T;
}

function jsonOrNull(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

/** A nullable text column. */
export function textOrNull(value: SqlValue | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}
