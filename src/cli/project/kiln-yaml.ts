import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { nearest } from "../../lib/nearest.ts";
import { fnDefaults } from "../../model/fn-defaults.ts";
import { checkOf } from "./check.ts";
import type { PlannedFunction, PlannedRoute, Project, ReadOptions } from "./project.ts";
import { resolveConfig } from "./references.ts";
import type { FunctionYaml, KilnYaml } from "./schema.ts";
import { functionKeys } from "./schemas.ts";
import { type Path, YamlFile } from "./yaml-file.ts";

/** Reads `kiln.yaml`. */
export function readKilnProject(folder: string, name: string, options: ReadOptions, display: (path: string) => string): Project {
  const path = join(folder, name);
  const file = new YamlFile(path, display(path));
  const yaml = checked(file);
  return {
    folder,
    files: [path],
    app: options.app ?? yaml.app ?? appNameOf(folder),
    namespace: yaml.namespace ?? null,
    appConfig: resolveConfig(yaml.config ?? {}, file, ["config"], folder, options.variables),
    appAnnotations: yaml.annotations ?? {},
    functions: Object.entries(yaml.functions).map(([fnName, fn]) => planned(fnName, fn, file, folder, options)),
    routes: routesOf(yaml, file),
    warnings: [],
  };
}

/** A name that the API takes, made of the folder's. */
export function appNameOf(folder: string): string {
  const name = basename(folder)
    .replaceAll(/[^A-Za-z0-9_.-]+/g, "-")
    .replace(/^[^A-Za-z0-9_]+/, "");
  return name === "" || name === "_" ? "app" : name;
}

function planned(name: string, fn: FunctionYaml, file: YamlFile, folder: string, { variables }: ReadOptions): PlannedFunction {
  const at: Path = ["functions", name];
  const { folder: below, build = [], include, exclude = [], config, image, ...given } = fn;
  if (image === undefined && fn.kind === undefined)
    throw file.failure(
      at,
      "key",
      `Function ${name} has no kind`,
      undefined,
      "add kind: nodejs:24, python:3.11, go:1 or native:1",
    );
  if (image !== undefined && (fn.kind ?? fn.handler ?? fn.command ?? below) !== undefined)
    throw file.failure(
      [...at, "image"],
      "key",
      `Function ${name} has an image, and kind, handler, command or folder as well`,
      "An image brings its own",
    );
  const codeFolder = resolve(folder, below ?? ".");
  if (image === undefined && !existsSync(codeFolder))
    throw file.failure([...at, "folder"], "value", `The folder ${below} of function ${name} does not exist`);
  return {
    name,
    folder: image === undefined ? codeFolder : null,
    build: typeof build === "string" ? [build] : build,
    include: include ?? null,
    exclude,
    settings: withDefaults({
      ...given,
      ...(image === undefined ? { handler: fn.handler ?? null, command: fn.command ?? null } : { image }),
      config: resolveConfig(config ?? {}, file, [...at, "config"], folder, variables),
    }),
    place: file.placeOf(at, "key"),
  };
}

/** All settings of a function: a key that was taken out of the file goes back to its default on the server. */
export function withDefaults(settings: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const delivery = { ...fnDefaults.delivery, ...(settings["delivery"] as object | undefined) };
  const defaults = Object.entries(fnDefaults).filter(([name]) => functionKeys().includes(name));
  return { ...Object.fromEntries(defaults), protocol: null, convention: "event", install: "auto", ...settings, delivery };
}

function routesOf(yaml: KilnYaml, file: YamlFile): PlannedRoute[] {
  const names = Object.keys(yaml.functions);
  return Object.entries(yaml.routes ?? {}).map(([source, target]) => {
    if (!source.startsWith("/")) throw file.failure(["routes", source], "key", `The route ${source} must begin with a slash`);
    if (!names.includes(target)) {
      const meant = nearest(target, names);
      const why = meant === undefined ? `The functions are ${names.join(", ")}` : `did you mean ${meant}?`;
      throw file.failure(
        ["routes", source],
        "value",
        `The route ${source} leads to ${target}, which is no function of this file`,
        why,
      );
    }
    return { name: routeName(source), function: target, source };
  });
}

/** `/` is `root`, `/users/list` is `users.list`. */
function routeName(source: string): string {
  return (
    source
      .split("/")
      .filter((part) => part !== "")
      .join(".")
      .replaceAll(/[^A-Za-z0-9_.@-]/g, "_") || "root"
  );
}

const check = checkOf<KilnYaml>("kiln");

function checked(file: YamlFile): KilnYaml {
  if (file.value === null || typeof file.value !== "object" || Array.isArray(file.value))
    throw file.failure([], "value", "A project file is a map with the key functions", undefined, "make one with `polykiln init`");
  return check(file, file.value);
}
