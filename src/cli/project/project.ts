import { existsSync, statSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { exits, Failure } from "../failure.ts";
import { readFnProject } from "./func-yaml.ts";
import { readKilnProject } from "./kiln-yaml.ts";

/** What is in a folder to deploy, whichever file said it. */
export interface Project {
  readonly folder: string;
  /** The files that were read, for watching. */
  readonly files: readonly string[];
  readonly app: string;
  readonly namespace: string | null;
  readonly appConfig: Readonly<Record<string, string>>;
  readonly appAnnotations: Readonly<Record<string, unknown>>;
  readonly functions: readonly PlannedFunction[];
  readonly routes: readonly PlannedRoute[];
  /** What people should hear of, such as keys that mean nothing here. */
  readonly warnings: readonly string[];
}

export interface PlannedFunction {
  readonly name: string;
  /** Of the code; null for a container image. */
  readonly folder: string | null;
  readonly build: readonly string[];
  readonly include: readonly string[] | null;
  readonly exclude: readonly string[];
  /** Every setting that a project can say, defaults filled in, in the API's words. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Where it stands, for messages. */
  readonly place: string;
}

export interface PlannedRoute {
  readonly name: string;
  readonly function: string;
  readonly source: string;
}

/** Looks up `${env:NAME}`. */
export type Variables = Readonly<Record<string, string | undefined>>;

export const kilnFiles = ["kiln.yaml", "kiln.yml"];
export const fnFiles = ["func.yaml", "func.yml", "func.json"];

/** The nearest folder, upwards, with a project file; null when there is none. */
export function findProjectFolder(folder: string): string | null {
  for (let at = folder; ; at = dirname(at)) {
    if ([...kilnFiles, ...fnFiles].some((name) => existsSync(join(at, name)))) return at;
    if (dirname(at) === at) return null;
  }
}

export interface ReadOptions {
  /** In place of the project's own. */
  readonly app?: string;
  readonly variables: Variables;
  /** Where paths are shown from. */
  readonly cwd: string;
}

/** Reads and checks the project of a folder. Throws a `Failure` that says file, line and column. */
export function readProject(folder: string, options: ReadOptions): Project {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) throw noProject(folder, "There is no such folder");
  const shown = (path: string) => relative(options.cwd, path) || basename(path);
  const kiln = kilnFiles.find((name) => existsSync(join(folder, name)));
  if (kiln !== undefined) return readKilnProject(folder, kiln, options, shown);
  const fn = fnFiles.find((name) => existsSync(join(folder, name)));
  if (fn !== undefined) return readFnProject(folder, fn, options, shown);
  throw noProject(folder, "There is no kiln.yaml and no func.yaml");
}

function noProject(folder: string, why: string): Failure {
  return new Failure({
    code: "E_NO_PROJECT",
    exit: exits.usage,
    what: "This folder is no project",
    where: folder,
    why,
    fix: "make one with `polykiln init`, or name another folder",
  });
}
