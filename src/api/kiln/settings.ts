/** From what a caller asks of a function to the function: which source, which protocol, which limits. */
import type { Static } from "typebox";
import type { Kinds } from "../../image/image.ts";
import { fnDefaults } from "../../model/fn-defaults.ts";
import type { App, Fn, ProtocolName, Source } from "../../model/model.ts";
import { checkAnnotations, checkConfig, checkDelivery, checkEgress, checkParameters, invalid } from "./check.ts";
import type { functionBody } from "./schemas.ts";

/** A change without its code, which is stored before it comes here. */
export type Settings = Omit<Static<typeof functionBody>, "code" | "fileName" | "codeDigest">;

/** What a change leaves of a function, or makes of nothing (`stored` null). Throws `invalid` naming field, value and bound. */
export function merged(
  stored: Fn | null,
  settings: Settings,
  digest: string | null,
  kinds: Kinds,
): Omit<Fn, "id" | "namespace" | "appId" | "name" | "shape" | "revision" | "createdAt" | "updatedAt"> {
  const source = sourceOf(stored?.source ?? null, settings, digest, kinds);
  const before = stored ?? fnDefaults;
  return {
    source,
    protocol: protocolOf(stored, source, settings.protocol, kinds),
    memoryMiB: settings.memoryMiB ?? before.memoryMiB,
    timeoutMs: settings.timeoutMs ?? before.timeoutMs,
    idleTimeoutMs: settings.idleTimeoutMs ?? before.idleTimeoutMs,
    concurrency: settings.concurrency ?? before.concurrency,
    sandboxesMax: settings.sandboxesMax ?? before.sandboxesMax,
    isolation: settings.isolation ?? before.isolation,
    sandboxAgeMsMax: settings.sandboxAgeMsMax ?? before.sandboxAgeMsMax,
    provisioned: settings.provisioned ?? before.provisioned,
    keepAlive: settings.keepAlive ?? before.keepAlive,
    egress: settings.egress ?? before.egress,
    delivery: { ...before.delivery, ...settings.delivery },
    traffic: stored === null || settings.traffic !== "keep" ? [] : trafficNow(stored),
    config: settings.config ?? before.config,
    parameters: settings.parameters ?? before.parameters,
    annotations: settings.annotations === undefined ? before.annotations : checkAnnotations(settings.annotations),
    ...logLimit(settings.logBytesMax, stored?.logBytesMax),
  };
}

function logLimit(given: number | null | undefined, before: number | undefined): Pick<Fn, "logBytesMax"> {
  const logBytesMax = given === undefined ? before : given;
  return logBytesMax === undefined || logBytesMax === null ? {} : { logBytesMax };
}

/** What can be refused before any code is looked at. */
export function checkSettings(settings: Settings, hasCode: boolean, kinds: Kinds): void {
  if (settings.config !== undefined) checkConfig(settings.config);
  if (settings.parameters !== undefined) checkParameters(settings.parameters);
  if (settings.annotations !== undefined) checkAnnotations(settings.annotations);
  if (settings.egress !== undefined) checkEgress(settings.egress);
  if (settings.delivery !== undefined) checkDelivery(settings.delivery);
  if (settings.kind !== undefined) kinds.resolve(settings.kind);
  const coded = hasCode || settings.kind !== undefined || settings.handler != null || settings.command != null;
  if (settings.image !== undefined && coded)
    throw invalid("image", "image can't be given together with kind, handler, command or code");
}

export function newFunction(
  base: {
    readonly id: string;
    readonly namespace: string;
    readonly app: App | null;
    readonly name: string;
    readonly now: number;
  },
  fields: ReturnType<typeof merged>,
): Fn {
  const { id, namespace, app, name, now } = base;
  return {
    id,
    namespace,
    appId: app?.id ?? null,
    name,
    ...fields,
    shape: app?.shape ?? "",
    revision: 1,
    createdAt: now,
    updatedAt: now,
  };
}

function trafficNow({ traffic, revision }: Fn): Fn["traffic"] {
  return traffic.length > 0 ? traffic : [{ revision, weight: 1 }];
}

function sourceOf(stored: Source | null, settings: Settings, digest: string | null, kinds: Kinds): Source {
  if (stored?.type === "sequence") {
    if (settings.image === undefined && settings.kind === undefined && digest === null) return stored;
    stored = null;
  }
  // With the code that another door gave it.
  if (stored?.type === "image" && stored.image === settings.image) return stored;
  if (settings.image !== undefined) return { type: "image", image: settings.image };
  const coded = stored === null || stored.type === "image" ? null : stored;
  if (stored?.type === "image" && digest === null && settings.kind === undefined) return stored;
  const kind = settings.kind === undefined ? coded?.kind : kinds.resolve(settings.kind);
  if (kind === undefined)
    throw invalid(
      "kind",
      `kind is missing: one of ${kinds
        .list()
        .map(({ name }) => name)
        .join(", ")}`,
    );
  const code = digest ?? coded?.digest;
  if (code === undefined) {
    throw invalid(
      "code",
      "There is no code: send it in code (base64) or as the body of PUT .../code?kind=..., or name it in codeDigest",
    );
  }
  const command = settings.command === undefined ? (coded?.command ?? null) : settings.command;
  if (isExecutable(kind)) return { type: "executable", kind, digest: code, command: command ?? [] };
  const handler = settings.handler === undefined ? (coded?.type === "code" ? coded.handler : null) : settings.handler;
  const install = settings.install ?? (coded?.type === "code" ? coded.install : undefined);
  const convention = settings.convention ?? (coded?.type === "code" ? coded.convention : undefined);
  if (settings.convention === "lambda" && !/^(?:nodejs|python):/.test(kind))
    throw invalid("convention", `convention is lambda, which kinds of Node and Python have, and ${kind} has not`);
  return {
    type: "code",
    kind,
    digest: code,
    handler,
    command,
    ...(convention === undefined || convention === "event" ? {} : { convention }),
    ...(install === undefined || install === "auto" ? {} : { install }),
    ...(coded?.type === "code" && coded.layers !== undefined ? { layers: coded.layers } : {}),
  };
}

/** The kinds that the model calls executables: a program that needs no runtime. */
function isExecutable(kind: string): boolean {
  return kind.startsWith("go:") || kind.startsWith("native:");
}

function protocolOf(stored: Fn | null, source: Source, wanted: ProtocolName | null | undefined, kinds: Kinds): ProtocolName {
  const kept = wanted === undefined ? stored?.protocol : undefined;
  const known = "kind" in source ? (kinds.list().find(({ name }) => name === source.kind)?.protocols ?? []) : [];
  const protocol = wanted ?? kept ?? defaultProtocol(source, known);
  if ("kind" in source && !known.includes(protocol))
    throw invalid("protocol", `protocol is ${protocol}, must be one of ${known.join(", ")} for ${source.kind}`);
  return protocol;
}

/** A program without a runtime of ours can be any program; images come from Fn. */
function defaultProtocol(source: Source, known: readonly ProtocolName[]): ProtocolName {
  switch (source.type) {
    case "code":
    case "sequence":
      return known[0] ?? "frames";
    case "executable":
      return "stdio";
    case "image":
      return "http-stream";
  }
}
