/** An action's fields: from a body to a function of the model, and back to the wire. */
import type { Images } from "../../image/image.ts";
import { deliveryDefaults, fnDefaults } from "../../model/fn-defaults.ts";
import type { Annotations, App, Fn, Source } from "../../model/model.ts";
import { badRequest } from "./errors.ts";
import { kindShown, readExec, renderExec } from "./exec.ts";
import type { Exec } from "./exec-fields.ts";
import type { ActionKinds } from "./kinds.ts";
import { actionLimits } from "./limits.ts";
import { type Meta, metaOf, versionAt, versionOf, withMeta, withoutMeta } from "./meta.ts";
import { type Parameters, readAnnotations, readParameters, renderAnnotations, renderParameters } from "./parameters.ts";
import { readSequence, sequenceParameters, type SequenceSource } from "./sequence.ts";
import { type LimitsGiven, logLimit, readFlag, readLimits, readVersion, renderLimits } from "./settings.ts";

/** A body, checked; what it leaves out is undefined. */
export interface ActionGiven {
  /** Of a sequence undefined as well. */
  readonly exec: Exec | undefined;
  readonly sequence: SequenceSource | undefined;
  readonly limits: LimitsGiven;
  readonly parameters: Parameters | undefined;
  readonly annotations: Annotations | undefined;
  readonly removedAnnotations: readonly string[];
  readonly publish: boolean | undefined;
  readonly version: Meta["version"] | undefined;
}

/** Namespace and name in the body mean nothing: those in the path do. `namespace`: of whoever asks. Throws `Refusal`. */
export function readAction(body: Readonly<Record<string, unknown>>, kinds: ActionKinds, namespace: string): ActionGiven {
  const { exec, limits, parameters, annotations, delAnnotations, publish, version } = body;
  const sequence = readSequence(exec, namespace);
  return {
    exec: isAbsent(exec) || sequence !== undefined ? undefined : readExec(exec, kinds),
    sequence,
    limits: readLimits(limits),
    parameters: isAbsent(parameters) ? undefined : readParameters(parameters),
    annotations: isAbsent(annotations) ? undefined : readAnnotations(annotations),
    removedAnnotations: Array.isArray(delAnnotations) ? delAnnotations.filter((key) => typeof key === "string") : [],
    publish: readFlag("publish", publish),
    version: readVersion(version),
  };
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

export interface NewAction {
  readonly id: string;
  readonly namespace: string;
  readonly app: App | null;
  readonly name: string;
  readonly now: number;
}

/** `source`: its code, stored. Throws `Refusal`. */
export function newAction({ id, namespace, app, name, now }: NewAction, given: ActionGiven, source: Source | null): Fn {
  if (source === null) throw badRequest("exec undefined");
  const fn: Fn = {
    id,
    namespace,
    appId: app?.id ?? null,
    name,
    ...fnDefaults,
    source,
    protocol: "frames",
    memoryMiB: actionLimits.memoryMiB.default,
    timeoutMs: actionLimits.timeoutMs.default,
    // A call of OpenWhisk's is never tried again.
    delivery: { ...deliveryDefaults, attemptsMax: 1 },
    annotations: { "provide-api-key": "false" },
    shape: app?.shape ?? "",
    revision: 1,
    createdAt: now,
    updatedAt: now,
  };
  return changed(fn, given, source, 1, now);
}

/** What a body makes of an action: a new revision. */
export function changedAction(stored: Fn, given: ActionGiven, source: Source | null, now: number): Fn {
  return changed(stored, given, source, stored.revision + 1, now);
}

function changed(fn: Fn, given: ActionGiven, source: Source | null, revision: number, updatedAt: number): Fn {
  const { limits } = given;
  const { logBytesMax: _before, ...kept } = fn;
  return {
    ...kept,
    ...(source === null ? {} : { source, protocol: source.type === "image" ? "action-proxy" : "frames" }),
    memoryMiB: limits.memoryMiB ?? fn.memoryMiB,
    timeoutMs: limits.timeoutMs ?? fn.timeoutMs,
    concurrency: limits.concurrency ?? fn.concurrency,
    sandboxesMax: limits.instances ?? fn.sandboxesMax,
    ...logLimit(limits, fn),
    ...mergedParameters(fn, given),
    annotations: withMeta(mergedAnnotations(fn.annotations, given), mergedMeta(fn, given, revision)),
    traffic: [],
    revision,
    updatedAt,
  };
}

/** A sequence has none of its own, and leaves none to what it becomes. */
function mergedParameters({ source, parameters, config }: Fn, given: ActionGiven): Parameters {
  if (given.sequence !== undefined) return { parameters: sequenceParameters(given.sequence), config: {} };
  if (source.type !== "sequence") return given.parameters ?? { parameters, config };
  if (given.exec === undefined) return { parameters, config };
  return given.parameters ?? { parameters: {}, config: {} };
}

function mergedAnnotations(stored: Annotations, { annotations, removedAnnotations, sequence }: ActionGiven): Annotations {
  const kept = Object.entries(stored).filter(([key]) => sequence !== undefined || !removedAnnotations.includes(key));
  return { ...Object.fromEntries(kept), ...annotations };
}

function mergedMeta(fn: Fn, { publish, version, exec, sequence }: ActionGiven, revision: number): Meta {
  const stored = metaOf(fn);
  return {
    publish: publish ?? stored.publish,
    binary: sequence === undefined && (exec?.binary ?? stored.binary),
    version: version === undefined ? stored.version : versionAt(version, revision),
  };
}

/** The whole action. `withCode` false: its code is left out. */
export async function renderAction(
  fn: Fn,
  app: App | null,
  withCode: boolean,
  images: Pick<Images, "codeAsSent">,
): Promise<object> {
  const exec = await renderExec(fn, withCode, images);
  return { ...common(fn, app), exec, parameters: renderParameters(fn) };
}

/** An action in a list. */
export function summarizeAction(fn: Fn, app: App | null): object {
  return { ...common(fn, app), exec: { binary: metaOf(fn).binary } };
}

function common(fn: Fn, app: App | null): object {
  const meta = metaOf(fn);
  const annotations = renderAnnotations(withoutMeta(fn.annotations)).filter(
    (annotation) => (annotation as { key: string }).key !== "exec",
  );
  return {
    namespace: app === null ? fn.namespace : `${fn.namespace}/${app.name}`,
    name: fn.name,
    version: versionOf(meta, fn.revision),
    publish: meta.publish,
    annotations: [...annotations, { key: "exec", value: kindShown(fn) }],
    limits: renderLimits(fn),
    updated: fn.updatedAt,
  };
}
