/**
 * wskdeploy's manifests: what a project of OpenWhisk wants to be on a server, read from `manifest.yaml` and `deployment.yaml`.
 *
 * Promises: what wskdeploy takes is taken, and means what it means there; every complaint names file, line and column. Reading
 * decides nothing that a server knows: names of other namespaces, kinds and code are looked at when a deployment is planned (`plan.ts`).
 * Deliberately absent: servers and keys that a file names, because a file from elsewhere is no reason to send a key there.
 */
import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { exits, Failure } from "../failure.ts";
import { checkOf } from "../project/check.ts";
import type { Variables } from "../project/project.ts";
import { type Path, YamlFile } from "../project/yaml-file.ts";
import type { CodeSource } from "./code.ts";
import { readPackages } from "./packages.ts";
import { type Managed, managedBy } from "./managed.ts";
import { readOlderBooleans } from "./older-booleans.ts";
import { Reading } from "./reading.ts";
import type { ManifestYaml } from "./schema.ts";

export const manifestFiles = ["manifest.yaml", "manifest.yml"];
const deploymentFiles = ["deployment.yaml", "deployment.yml"];

/** Values by name, as JSON. */
export type Values = Readonly<Record<string, unknown>>;

interface Wanted {
  /** In its namespace, with its package before it: `shop/price`. */
  readonly name: string;
  /** Where the file says so. */
  readonly place: string;
  readonly annotations: Values;
}

export interface WantedPackage extends Wanted {
  readonly publish: boolean;
  /** Null: whatever it is. */
  readonly version: string | null;
  readonly parameters: Values;
}

export interface WantedBinding extends Wanted {
  readonly provider: { readonly namespace: string; readonly name: string };
  readonly parameters: Values;
}

export interface WantedAction extends Wanted {
  /** As it was said, or `FAMILY:default` by the name of a file. */
  readonly kind: string;
  readonly image: string | null;
  readonly main: string | null;
  readonly code: CodeSource | null;
  readonly limits: ActionLimits;
  readonly version: string | null;
  readonly parameters: Values;
}

/** In ms, MB and MB. */
export interface ActionLimits {
  readonly timeout: number;
  readonly memory: number;
  readonly logs: number;
}

export interface WantedSequence extends Wanted {
  /** Whole names; `_` is the namespace that is deployed to. */
  readonly components: readonly string[];
}

export interface WantedTrigger extends Wanted {
  readonly parameters: Values;
  /** Whole name of the action that feeds it with the parameters; null: none does, and the trigger has them. */
  readonly feed: string | null;
}

export interface WantedRule extends Wanted {
  readonly trigger: string;
  readonly action: string;
}

/** A path that leads to a web action. */
export interface WantedApi {
  readonly name: string;
  readonly place: string;
  /** The same for complaints. */
  readonly at: Path;
  readonly basePath: string;
  readonly path: string;
  readonly verb: string;
  /** Package, `default` for none, and name. */
  readonly action: readonly [pkg: string, name: string];
  readonly responseType: string;
}

/** All that the packages of a manifest want. */
export interface Contents {
  readonly packages: readonly WantedPackage[];
  readonly bindings: readonly WantedBinding[];
  readonly actions: readonly WantedAction[];
  readonly sequences: readonly WantedSequence[];
  readonly triggers: readonly WantedTrigger[];
  readonly rules: readonly WantedRule[];
  readonly apis: readonly WantedApi[];
}

export interface Manifest extends Contents {
  /** As it is shown. */
  readonly file: string;
  readonly folder: string;
  /** Null: it has no name, and nothing is marked as its own. */
  readonly project: string | null;
  readonly namespace: string | null;
  readonly managed: Managed | null;
  readonly warnings: readonly string[];
}

export interface ManifestOptions {
  /** The manifest's file. */
  readonly file: string;
  /** Null: the one beside the manifest, if there is one. */
  readonly deployment: string | null;
  /** In place of the manifest's own. */
  readonly project: string | null;
  /** Inputs by name, over those of the files. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly variables: Variables;
  /** Where paths are shown from. */
  readonly cwd: string;
}

const check = checkOf<ManifestYaml>("manifest");

/** The manifest of a folder; undefined when there is none. */
export function manifestIn(folder: string): string | undefined {
  return manifestFiles.map((name) => join(folder, name)).find((file) => existsSync(file));
}

/** Reads and checks. Throws a `Failure` that says file, line and column. */
export function readManifest(options: ManifestOptions): Manifest {
  const warnings: string[] = [];
  const manifest = opened(options.file, options, warnings);
  const beside = deploymentFiles.map((name) => join(dirname(options.file), name)).find((file) => existsSync(file));
  const path = options.deployment ?? beside;
  const deployment = path === undefined ? null : opened(path, options, warnings);
  if (deployment !== null) checkSameProject(manifest, deployment);
  const said = manifest.text(["project", "name"], manifest.yaml.project?.name);
  const project = options.project ?? (said === "" ? null : said);
  const namespace = manifest.text(["project", "namespace"], manifest.yaml.project?.namespace);
  const managed = project === null ? null : managedBy(project, options.file, manifest.file.name);
  return {
    file: manifest.file.name,
    folder: dirname(options.file),
    project,
    namespace: namespace === "" || namespace === "_" ? null : namespace,
    managed,
    ...checked(readPackages(manifest, deployment, managed)),
    warnings,
  };
}

/** Throws a `Failure` for a name that stands for two things. */
function checked(contents: Contents): Contents {
  const { packages, bindings, actions, sequences, triggers, rules } = contents;
  for (const items of [[...packages, ...bindings], [...actions, ...sequences], triggers, rules]) {
    const places = new Map<string, string>();
    for (const { name, place } of items) {
      const first = places.get(name);
      if (first !== undefined) throw twice(name, first, place);
      places.set(name, place);
    }
  }
  return contents;
}

function twice(name: string, first: string, where: string): Failure {
  return new Failure({
    code: "E_PROJECT",
    exit: exits.usage,
    what: `${name} is there twice`,
    where,
    why: `The first one is at ${first}`,
    fix: "give one of them another name",
  });
}

function opened(path: string, options: ManifestOptions, warnings: string[]): Reading {
  if (!existsSync(path)) throw missing(path, options.cwd);
  const file = new YamlFile(path, relative(options.cwd, path) || path, readOlderBooleans);
  const { variables, parameters } = options;
  return new Reading({ file, path, yaml: check(file, withoutNulls(file.mapOf())), variables, parameters, warnings });
}

/** What is listed by name, and may say nothing of itself. */
const named = new Set(["packages", "actions", "sequences", "triggers", "rules", "dependencies"]);
/** Maps whose values may be null. */
const open = new Set(["inputs", "annotations"]);

/** Keys without a value are as good as left out, or empty where they name something. */
function withoutNulls(value: unknown, key = ""): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value) || open.has(key)) return value;
  const given = Object.entries(value).flatMap(([name, below]): [string, unknown][] => {
    if (below !== null) return [[name, withoutNulls(below, name)]];
    return named.has(key) ? [[name, {}]] : [];
  });
  return Object.fromEntries(given);
}

function checkSameProject(manifest: Reading, deployment: Reading): void {
  const [own, other] = [manifest, deployment].map((file) => file.text(["project", "name"], file.yaml.project?.name));
  if (own === undefined || own === "" || other === "" || own === other) return;
  throw deployment.file.failure(
    ["project", "name"],
    "value",
    `This is for the project ${JSON.stringify(other)}, and the manifest is ${JSON.stringify(own)}`,
    undefined,
    "use the same name in both files",
  );
}

function missing(path: string, cwd: string): Failure {
  return new Failure({
    code: "E_NO_PROJECT",
    exit: exits.usage,
    what: "There is no such manifest",
    where: relative(cwd, path) || path,
    fix: "name the file with --manifest, or a folder with a manifest.yaml",
  });
}
