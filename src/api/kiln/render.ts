/** The model as this door shows it. */
import { isUtf8 } from "node:buffer";
import type { Static } from "typebox";
import type { DeadCall, UnderwayCall } from "../../invocation/invocation.ts";
import { namedPath } from "../../model/function-name.ts";
import { idToHex } from "../../model/id.ts";
import type { Activation, Annotations, App, Fn, LogLine, Namespace, Route } from "../../model/model.ts";
import { printable } from "../../lib/printable.ts";
import type { LogEntry } from "../../logs/logs.ts";
import type { CallResult } from "../../store/store.ts";
import { nullApp } from "./door.ts";
import type { deadLetterAnswer, resultAnswer } from "./async-schemas.ts";
import type { logLineAnswer } from "./log-schemas.ts";
import type { activationAnswer, appAnswer, functionAnswer, logAnswer, namespaceAnswer, routeAnswer } from "./schemas.ts";

export function renderNamespace({ id, name, egress, createdAt }: Namespace): Static<typeof namespaceAnswer> {
  return { id, name, egress: shownEgress(egress ?? null), createdAt: time(createdAt) };
}

/** A list of its own. */
export function shownEgress<T>(egress: T): Exclude<T, readonly string[]> | string[] {
  return Array.isArray(egress) ? [...(egress as readonly string[])] : (egress as Exclude<T, readonly string[]>);
}

export function renderApp(app: App): Static<typeof appAnswer> {
  const { id, namespace, name, config, syslogUrl, revision, published, binding } = app;
  const shared = { ...(published === undefined ? {} : { published }), ...(binding === undefined ? {} : { binding }) };
  return {
    id,
    namespace,
    name,
    config,
    annotations: renderAnnotations(app.annotations),
    syslogUrl,
    ...shared,
    revision,
    ...times(app),
  };
}

export function renderFunction(fn: Fn, app: string | null): Static<typeof functionAnswer> {
  const { source } = fn;
  const coded = source.type === "image" || source.type === "sequence" ? null : source;
  return {
    id: fn.id,
    namespace: fn.namespace,
    app,
    name: fn.name,
    kind: coded?.kind ?? null,
    handler: source.type === "code" ? source.handler : null,
    command: coded?.command ? [...coded.command] : null,
    image: source.type === "image" ? source.image : null,
    components: source.type === "sequence" ? source.components.map((each) => `/${namedPath(each)}`) : null,
    codeDigest: coded?.digest ?? null,
    convention: (source.type === "code" ? source.convention : undefined) ?? "event",
    install: (source.type === "code" ? source.install : undefined) ?? "auto",
    dependencies: (source.type === "code" ? source.dependencies : undefined) ?? null,
    protocol: fn.protocol,
    memoryMiB: fn.memoryMiB,
    timeoutMs: fn.timeoutMs,
    idleTimeoutMs: fn.idleTimeoutMs,
    concurrency: fn.concurrency,
    sandboxesMax: fn.sandboxesMax,
    logBytesMax: fn.logBytesMax ?? null,
    isolation: fn.isolation,
    sandboxAgeMsMax: fn.sandboxAgeMsMax,
    provisioned: fn.provisioned,
    keepAlive: fn.keepAlive,
    egress: shownEgress(fn.egress),
    delivery: fn.delivery,
    traffic: [...fn.traffic],
    config: fn.config,
    parameters: fn.parameters,
    annotations: renderAnnotations(fn.annotations),
    revision: fn.revision,
    ...times(fn),
    invokePath: `${functionUrl(fn.namespace, app, fn.name)}/invoke`,
  };
}

export function renderRoute(route: Route, app: string, functionName: string): Static<typeof routeAnswer> {
  const { id, namespace, name, source, revision } = route;
  const annotations = renderAnnotations(route.annotations);
  return { id, namespace, app, name, function: functionName, source, annotations, revision, ...times(route) };
}

export function renderActivation(activation: Activation): Static<typeof activationAnswer> {
  const { functionName, startedAt, endedAt, traceId = idToHex(activation.id), cause = null, ...more } = activation;
  const { stepsMemoryMiB: _steps, ...rest } = more;
  return { ...rest, function: functionName, startedAt: time(startedAt), endedAt: time(endedAt), traceId, cause };
}

/** A call that is not over, in the shape of its later record. */
export function renderUnderway(call: UnderwayCall): Static<typeof activationAnswer> {
  const { functionName, startedAt, dueAt: _dueAt, ...rest } = call;
  const nothing = { waitMs: 0, createMs: 0, initMs: 0, runMs: 0, requestBytes: 0, responseBytes: 0, billedUnits: 0 };
  return {
    ...rest,
    ...nothing,
    function: functionName,
    start: "none",
    error: null,
    startedAt: time(startedAt),
    endedAt: null,
    traceId: idToHex(call.id),
    cause: null,
  };
}

export function renderResult({ status, contentType, body, bytes }: CallResult): Static<typeof resultAnswer> {
  return { status, ...renderPayload(body, bytes, contentType) };
}

export function renderDeadLetter(call: DeadCall): Static<typeof deadLetterAnswer> {
  const { id, namespace, appId, functionId, functionName, contentType, bytes, attempt, startedAt, diedAt } = call;
  return {
    id,
    namespace,
    appId,
    functionId,
    function: functionName,
    contentType,
    bytes,
    attempts: attempt,
    startedAt: time(startedAt),
    diedAt: time(diedAt),
    failures: call.failures.map((failure) => ({ ...failure, at: time(failure.at) })),
  };
}

/** Text as it is, anything else in base64. */
export function renderPayload(body: Uint8Array, bytes: number, contentType: string | null) {
  const kept = Buffer.from(body.buffer, body.byteOffset, body.length);
  const encoding: "utf8" | "base64" = isUtf8(kept) ? "utf8" : "base64";
  return { contentType, encoding, body: kept.toString(encoding), bytes, truncated: kept.length < bytes };
}

export function renderLogs(lines: readonly LogLine[]): Static<typeof logAnswer> {
  return { items: lines.map(({ at, stream, text }) => ({ at: time(at), stream, text })) };
}

/** For people: time, stream and text of each line; what a terminal would obey is shown. */
export function renderLogText(lines: readonly LogLine[]): string {
  return lines.map(({ at, stream, text }) => `${time(at)} ${stream} ${printable(text)}\n`).join("");
}

export function renderLine({ line, functionId, functionName, activationId }: LogEntry): Static<typeof logLineAnswer> {
  return { at: time(line.at), stream: line.stream, text: line.text, functionId, function: functionName, activationId };
}

/** Annotations are kept as JSON text, as the door that made them wrote it. */
function renderAnnotations(annotations: Annotations): Record<string, unknown> {
  return Object.fromEntries(Object.entries(annotations).map(([key, text]) => [key, JSON.parse(text) as unknown]));
}

function functionUrl(namespace: string, app: string | null, name: string): string {
  const part = encodeURIComponent;
  return `/kiln/v1/namespaces/${part(namespace)}/apps/${app === null ? nullApp : part(app)}/functions/${part(name)}`;
}

function times({ createdAt, updatedAt }: { createdAt: number; updatedAt: number }): { createdAt: string; updatedAt: string } {
  return { createdAt: time(createdAt), updatedAt: time(updatedAt) };
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
