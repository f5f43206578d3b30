/** A package's fields: from a body to an app of the model, and back to the wire. */
import type { App, AppBinding, Fn } from "../../model/model.ts";
import { commonFields, type Described, describedAnnotations, isAbsent, readDescribed } from "./entity.ts";
import { malformed } from "./errors.ts";
import { metaOf, versionOf, withoutMeta } from "./meta.ts";
import { nameOf, namespaceOf, ownNamespace } from "./names.ts";
import { type Parameters, readParameters, renderAnnotations, renderParameters } from "./parameters.ts";

/** A body, checked; what it leaves out is undefined. */
export interface PackageGiven extends Described {
  readonly parameters: Parameters | undefined;
  readonly binding: AppBinding | undefined;
}

/** Throws `Refusal`. */
export function readPackage(body: Readonly<Record<string, unknown>>, namespace: string): PackageGiven {
  const { parameters, binding } = body;
  return {
    ...readDescribed(body),
    parameters: isAbsent(parameters) ? undefined : readParameters(parameters),
    binding: readBinding(binding, namespace),
  };
}

/** Clients send back what they were shown of a package that is no binding: nothing, `false` or an empty object. */
function readBinding(given: unknown, own: string): AppBinding | undefined {
  if (isAbsent(given) || given === false) return undefined;
  if (typeof given !== "object" || Array.isArray(given)) throw malformed("binding malformed!");
  const { namespace, name } = given as Readonly<Record<string, unknown>>;
  if (namespace === undefined && name === undefined) return undefined;
  if (typeof namespace !== "string" || typeof name !== "string") throw malformed("binding malformed!");
  const owner = namespaceOf(namespace);
  return { namespace: owner === ownNamespace ? own : owner, name: nameOf(name) };
}

export type NewPackage = Pick<App, "id" | "namespace" | "name"> & { readonly now: number };

export function newPackage({ id, namespace, name, now }: NewPackage, given: PackageGiven): App {
  const app: App = {
    id,
    namespace,
    name,
    config: {},
    annotations: {},
    syslogUrl: null,
    shape: "",
    revision: 1,
    createdAt: now,
    updatedAt: now,
  };
  return changed(app, given, 1, now);
}

/** What a body makes of a package: a new revision. */
export function changedPackage(stored: App, given: PackageGiven, now: number): App {
  return changed(stored, given, stored.revision + 1, now);
}

function changed(app: App, given: PackageGiven, revision: number, updatedAt: number): App {
  const { parameters, published, binding, ...rest } = app;
  const own = given.parameters?.parameters ?? parameters ?? {};
  const isPublished = given.publish ?? published === true;
  const bound = given.binding ?? binding;
  return {
    ...rest,
    config: given.parameters?.config ?? app.config,
    annotations: withoutBinding(describedAnnotations(app.annotations, given, revision, false)),
    ...(Object.keys(own).length === 0 ? {} : { parameters: own }),
    ...(isPublished ? { published: true } : {}),
    ...(bound === undefined ? {} : { binding: bound }),
    revision,
    updatedAt,
  };
}

/** It is shown from what the binding is. */
function withoutBinding(annotations: App["annotations"]): App["annotations"] {
  const { binding: _shown, ...kept } = annotations;
  return kept;
}

/** The whole package. `through`: with the parameters of the one that it stands for under its own. */
export function renderPackage(app: App, through: App | null = null): object {
  return { ...described(app), parameters: renderParameters(inherited(through, app)), binding: app.binding ?? {} };
}

/** A package in a list. */
export function summarizePackage(app: App): object {
  return { ...described(app), binding: app.binding ?? false };
}

function described(app: App): object {
  const common = commonFields(app);
  const binding = app.binding === undefined ? [] : [{ key: "binding", value: app.binding }];
  return { ...common, publish: app.published === true, annotations: [...common.annotations, ...binding] };
}

/** The parameters of several, the last ones win. */
export function inherited(...layers: readonly (Pick<App, "parameters" | "config"> | null)[]): Parameters {
  return {
    parameters: Object.assign({}, ...layers.map((layer) => layer?.parameters)) as Fn["parameters"],
    config: Object.assign({}, ...layers.map((layer) => layer?.config)) as Fn["config"],
  };
}

/** What is in a package, as the package shows it. */
export function renderContents(functions: readonly Fn[]): { readonly actions: object[]; readonly feeds: object[] } {
  const [feeds, actions] = [functions.filter(isFeed), functions.filter((fn) => !isFeed(fn))];
  return { actions: actions.map(renderContent), feeds: feeds.map(renderContent) };
}

function isFeed({ annotations }: Fn): boolean {
  return annotations["feed"] !== undefined;
}

function renderContent(fn: Fn): object {
  const { name, revision, annotations } = fn;
  return { name, version: versionOf(metaOf(fn), revision), annotations: renderAnnotations(withoutMeta(annotations)) };
}
