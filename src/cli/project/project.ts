import { existsSync, statSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { exits, Failure } from "../failure.ts";
import type { FuncTests } from "./func-tests.ts";
import { readFnTree } from "./func-tree.ts";
import { readFnProject } from "./func-yaml.ts";
import { readKilnProject } from "./kiln-yaml.ts";
import { appFiles, fnFiles, kilnFiles } from "./project-files.ts";

/** What is in a folder to deploy, whichever file said it. */
export interface Project {
  readonly folder: string;
  /** The files that were read, for watching. */
  readonly files: readonly string[];
  readonly app: string;
  readonly namespace: string | null;
  /** Null: the file says nothing of the app, which stays as it is. */
  readonly appConfig: Readonly<Record<string, string>> | null;
  readonly appAnnotations: Readonly<Record<string, unknown>> | null;
  /** Undefined: it stays as it is. */
  readonly appSyslogUrl?: string | null | undefined;
  readonly functions: readonly PlannedFunction[];
  readonly routes: readonly PlannedRoute[];
  /** What people should hear of, such as keys that mean nothing here. */
  readonly warnings: readonly string[];
  /** Keys that change nothing here. */
  readonly notes?: readonly string[];
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
  /** What a `func.yaml` says besides. */
  readonly funcFile?: FuncFile;
}

/** The part of a `func.yaml` that is no setting of the function. */
export interface FuncFile {
  readonly path: string;
  /** Tag of the image; null: none was said. */
  readonly version: string | null;
  /** Without registry and tag. */
  readonly imageName: string;
  readonly entrypoint: readonly string[] | null;
  readonly cmd: readonly string[] | null;
  /** What the code starts with, in its folder; null: the kind looks for it. */
  readonly entryFile: string | null;
  readonly contentType: string | null;
  /** Read when somebody wants them. */
  tests(): FuncTests;
}

export interface PlannedRoute {
  readonly name: string;
  readonly function: string;
  readonly source: string;
}

/** Looks up `${env:NAME}`. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** The nearest folder, upwards, with a project file; null when there is none. */
export function findProjectFolder(folder: string): string | null {
  for (let at = folder; ; at = dirname(at)) {
    if (hasProject(at)) return at;
    if (dirname(at) === at) return null;
  }
}

/** Whether a folder has a project file of ours or of Fn's. */
export function hasProject(folder: string): boolean {
  return [...kilnFiles, ...fnFiles].some((name) => existsSync(join(folder, name)));
}

export interface ReadOptions {
  /** In place of the project's own. */
  readonly app?: string;
  readonly variables: Variables;
  /** Where paths are shown from. */
  readonly cwd: string;
  /** Every `func.yaml` below the folder, as one app. */
  readonly all?: boolean;
}

/** Reads and checks the project of a folder. Throws a `Failure` that says file, line and column. */
export function readProject(folder: string, options: ReadOptions): Project {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) throw noProject(folder, "There is no such folder");
  const shown = (path: string) => relative(options.cwd, path) || basename(path);
  const kiln = kilnFiles.find((name) => existsSync(join(folder, name)));
  if (options.all === true && kiln === undefined) return readFnTree(folder, options, shown);
  if (kiln !== undefined) return readKilnProject(folder, kiln, options, shown);
  const fn = fnFiles.find((name) => existsSync(join(folder, name)));
  if (fn !== undefined) return readFnProject(folder, fn, options, shown);
  if (appFiles.some((name) => existsSync(join(folder, name)))) throw onlyApp(folder);
  throw noProject(folder, "There is no kiln.yaml and no func.yaml");
}

function onlyApp(folder: string): Failure {
  return new Failure({
    code: "E_NO_PROJECT",
    exit: exits.usage,
    what: "This folder is an app, and no function",
    where: folder,
    why: "There is an app.yaml, and func.yaml is in the folders below",
    fix: "add --all for every function below, or name the folder of one",
  });
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
