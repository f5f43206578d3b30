import { type Dirent, readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { exits, Failure } from "../failure.ts";
import { readApp } from "./app-yaml.ts";
import { readFnFunction } from "./func-yaml.ts";
import { appNameOf } from "./kiln-yaml.ts";
import type { Project, ReadOptions } from "./project.ts";
import { fnFiles } from "./project-files.ts";

/** Folders with code of others. */
const foreign = new Set(["node_modules", "vendor", "__pycache__", "venv"]);

/** Every function in a folder and below as one app, as `fn deploy --all` sees it. Throws a `Failure`. */
export function readFnTree(folder: string, options: ReadOptions, shown: (path: string) => string): Project {
  const app = readApp(folder, options, shown, false);
  if (app.files.length === 0 && options.app === undefined) throw noApp(folder);
  const paths = funcFiles(folder);
  if (paths.length === 0) throw noFunctions(folder);
  const read = paths.map(({ path, below }) =>
    readFnFunction(path, below === "" ? appNameOf(folder) : below.replaceAll(sep, "-"), app.config ?? {}, options, shown),
  );
  const functions = read.map(({ fn }) => fn);
  refuseTwins(
    "name",
    functions.map(({ name, place }) => ({ name, place })),
  );
  const placeOf = (name: string) => functions.find((fn) => fn.name === name)?.place ?? "";
  const routes = read.flatMap((one) => one.routes);
  refuseTwins(
    "path",
    routes.map(({ source, function: fn }) => ({ name: source, place: placeOf(fn) })),
  );
  refuseTwins(
    "trigger's name",
    routes.map(({ name, function: fn }) => ({ name, place: placeOf(fn) })),
  );
  return {
    folder,
    files: [...paths.map(({ path }) => path), ...app.files],
    app: options.app ?? app.name ?? appNameOf(folder),
    namespace: null,
    appConfig: app.config,
    appAnnotations: app.annotations,
    appSyslogUrl: app.syslogUrl,
    functions,
    routes,
    warnings: [...app.warnings, ...read.flatMap(({ warnings }) => warnings)],
    notes: read.flatMap(({ notes }) => notes),
  };
}

interface Found {
  readonly path: string;
  /** Its folder, from the top; empty at the top. */
  readonly below: string;
}

/** The function files in the order of their paths, one of a folder. */
function funcFiles(top: string, folder = top): Found[] {
  const entries = readdirSync(folder, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const own = fnFiles.find((name) => entries.some((entry) => entry.name === name && !entry.isDirectory()));
  const here = own === undefined ? [] : [{ path: join(folder, own), below: relative(top, folder) }];
  return [...here, ...entries.filter(isOurs).flatMap(({ name }) => funcFiles(top, join(folder, name)))];
}

function isOurs(entry: Dirent): boolean {
  return entry.isDirectory() && !foreign.has(entry.name) && !entry.name.startsWith(".");
}

function refuseTwins(what: string, all: readonly { readonly name: string; readonly place: string }[]): void {
  const first = new Map<string, string>();
  for (const { name, place } of all) {
    const before = first.get(name);
    if (before === undefined) first.set(name, place);
    else
      throw new Failure({
        code: "E_PROJECT",
        exit: exits.usage,
        what: `Two functions have the same ${what}: ${name}`,
        where: place,
        why: `The other one is at ${before}`,
        fix: "call one of them something else in its func.yaml",
      });
  }
}

function noApp(folder: string): Failure {
  return new Failure({
    code: "E_NO_PROJECT",
    exit: exits.usage,
    what: "There is no app.yaml, so these functions have no app",
    where: folder,
    fix: "write one (name: my-app), or say --app NAME",
  });
}

function noFunctions(folder: string): Failure {
  return new Failure({
    code: "E_NO_PROJECT",
    exit: exits.usage,
    what: "There is no function here or below",
    where: folder,
    why: `None of the folders has ${fnFiles.join(", ")}`,
    fix: "make one with `polykiln init`, or name another folder",
  });
}
