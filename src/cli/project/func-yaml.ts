import { dirname, join } from "node:path";
import { nearest } from "../../lib/nearest.ts";
import { readApp, unknownKey } from "./app-yaml.ts";
import { checkOf, unknownKeys } from "./check.ts";
import { annotationsOf, kindOf, settingsOf, splitWords } from "./func-settings.ts";
import type { FuncYaml } from "./func-schema.ts";
import { readTests } from "./func-tests.ts";
import { appNameOf, withDefaults } from "./kiln-yaml.ts";
import type { PlannedFunction, PlannedRoute, Project, ReadOptions } from "./project.ts";
import { resolveConfig } from "./references.ts";
import { idleKeys, schemaOf, schemaVersion } from "./schemas.ts";
import { withoutNulls, YamlFile } from "./yaml-file.ts";

/** A function as its file says it. */
export interface FnFunction {
  readonly fn: PlannedFunction;
  readonly routes: readonly PlannedRoute[];
  readonly warnings: readonly string[];
  /** Keys that change nothing here, with the file: told when somebody wants to know all. */
  readonly notes: readonly string[];
}

/** Reads `func.yaml` and the `app.yaml` beside or above it. Code speaks Fn's own contract, so it runs unchanged. */
export function readFnProject(folder: string, name: string, options: ReadOptions, shown: (path: string) => string): Project {
  const app = readApp(folder, options, shown, true);
  const read = readFnFunction(join(folder, name), appNameOf(folder), app.config ?? {}, options, shown);
  return {
    folder,
    files: [join(folder, name), ...app.files],
    app: options.app ?? app.name ?? appNameOf(folder),
    namespace: null,
    appConfig: app.config,
    appAnnotations: app.annotations,
    appSyslogUrl: app.syslogUrl,
    functions: [read.fn],
    routes: read.routes,
    warnings: [...app.warnings, ...read.warnings],
    notes: read.notes,
  };
}

const check = checkOf<FuncYaml>("func");

/** Reads one `func.yaml`. `unnamed`: what the function is called where the file does not say. Throws a `Failure`. */
export function readFnFunction(
  path: string,
  unnamed: string,
  appConfig: Readonly<Record<string, string>>,
  options: ReadOptions,
  shown: (path: string) => string,
): FnFunction {
  const file = new YamlFile(path, shown(path));
  const value = withoutNulls(file.mapOf());
  const yaml = check(file, value);
  checkVersions(yaml, file);
  const folder = dirname(path);
  const kind = kindOf(yaml, file);
  const config = resolveConfig(yaml.config ?? {}, file, ["config"], folder, options.variables, "keep");
  checkExpected(yaml, { ...appConfig, ...config }, file);
  // In the version before, an image was often called `owner/name`.
  const imageName = String(yaml.name ?? unnamed);
  const name = imageName.slice(imageName.lastIndexOf("/") + 1);
  const isGo = kind.name === "go:1";
  const routes = routesOf(name, yaml);
  // The version before has one path, which is that of `/r/APP/…` too.
  const ownPath = yaml.schema_version === schemaVersion || yaml.triggers !== undefined ? undefined : routes[0]?.source;
  const entry = settingsOf(yaml, kind.name, folder, file);
  const fn: PlannedFunction = {
    name,
    folder,
    build: [...(yaml.build ?? []), ...(isGo && entry.settings["command"] === null ? [goBuild] : [])],
    include: isGo && entry.settings["command"] === null ? ["/func"] : null,
    exclude: [],
    settings: withDefaults({ ...entry.settings, config, annotations: annotationsOf(yaml, ownPath, file) }),
    place: file.placeOf(["name"]),
    funcFile: {
      path,
      version: yaml.version === undefined ? null : String(yaml.version),
      imageName,
      entrypoint: splitWords(yaml.entrypoint),
      cmd: splitWords(yaml.cmd),
      entryFile: entry.file,
      contentType: yaml.content_type === undefined ? null : String(yaml.content_type),
      tests: () => readTests(folder, yaml, shown),
    },
  };
  const unknown = unknownKeys(schemaOf("func"), value).map((key) => unknownKey(file, "func.yaml", key));
  const idle = idleKeys().filter((key) => isThere(value, key));
  return {
    fn,
    routes,
    warnings: [...unknown, ...kind.warnings],
    notes: idle.length === 0 ? [] : [`${file.name}: ${idle.join(", ")} ${idle.length === 1 ? "has" : "have"} no meaning here`],
  };
}

/** The same bytes wherever and whenever it is built. */
const goBuild = "CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags=-buildid= -o func .";

function checkVersions({ schema_version: schema, version }: FuncYaml, file: YamlFile): void {
  if (schema !== undefined && schema !== schemaVersion && schema !== 1)
    throw file.failure(
      ["schema_version"],
      "value",
      `schema_version is ${schema}, must be ${schemaVersion}, or left out for the version before`,
    );
  if (version !== undefined && !/^\d+\.\d+\.\d+(?:[-+][\w.+-]+)?$/.test(String(version)))
    throw file.failure(
      ["version"],
      "value",
      `version is ${JSON.stringify(version)}, must be MAJOR.MINOR.PATCH`,
      "It is the tag of the function's image",
      "write version: 0.0.1",
    );
}

function checkExpected({ expects }: FuncYaml, config: Readonly<Record<string, string>>, file: YamlFile): void {
  for (const [i, { name, required }] of (expects?.config ?? []).entries()) {
    if (required !== true || config[name] !== undefined) continue;
    const meant = nearest(name, Object.keys(config));
    throw file.failure(
      ["expects", "config", i],
      "value",
      `The function expects ${name} in its config`,
      meant === undefined ? undefined : `did you mean ${meant}?`,
      `add ${name} under config, here or in app.yaml`,
    );
  }
}

/** The version before has one path, and its client made one of the name where none was said. */
function routesOf(fnName: string, yaml: FuncYaml): PlannedRoute[] {
  if (yaml.triggers !== undefined || yaml.schema_version === schemaVersion)
    return (yaml.triggers ?? []).map(({ name, source }) => ({ name, function: fnName, source: withSlash(source) }));
  return [{ name: fnName, function: fnName, source: withSlash(String(yaml.path ?? fnName)) }];
}

function withSlash(source: string): string {
  return source.startsWith("/") ? source : `/${source}`;
}

/** `path`: keys with dots between them. */
function isThere(value: unknown, path: string): boolean {
  let at = value;
  for (const key of path.split("."))
    at = typeof at === "object" && at !== null ? (at as Record<string, unknown>)[key] : undefined;
  return at !== undefined;
}
