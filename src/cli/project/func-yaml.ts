import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { nearest } from "../../lib/nearest.ts";
import type { PlannedFunction, Project, ReadOptions } from "./project.ts";
import { appNameOf, withDefaults } from "./kiln-yaml.ts";
import { resolveConfig } from "./references.ts";
import { YamlFile } from "./yaml-file.ts";

/** Keys of Fn's `func.yaml`, of its version 20180708 and of the one before, which has no triggers. */
interface FuncYaml {
  readonly schema_version?: number;
  readonly name?: string;
  readonly runtime?: string;
  readonly entrypoint?: string;
  readonly cmd?: string;
  readonly memory?: number;
  readonly timeout?: number;
  readonly idle_timeout?: number;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly annotations?: Readonly<Record<string, unknown>>;
  readonly build?: readonly string[];
  readonly triggers?: readonly { readonly name?: string; readonly type?: string; readonly source?: string }[];
  readonly expects?: { readonly config?: readonly { readonly name: string; readonly required?: boolean }[] };
}

const meaningful: readonly string[] = [
  "schema_version",
  "name",
  "runtime",
  "entrypoint",
  "cmd",
  "memory",
  "timeout",
  "idle_timeout",
  "config",
  "annotations",
  "build",
  "triggers",
  "expects",
];
/** Known to Fn, without a meaning here. */
const silent = new Set([
  "version",
  "build_image",
  "run_image",
  "content_type",
  "type",
  "path",
  "cpus",
  "tests",
  "format",
  "headers",
  "signing_details",
  "deploy",
]);

const schemaVersion = 20_180_708;

/** Reads `func.yaml` and the `app.yaml` beside or above it. Code speaks Fn's own contract, so it runs unchanged. */
export function readFnProject(folder: string, name: string, options: ReadOptions, shown: (path: string) => string): Project {
  const path = join(folder, name);
  const file = new YamlFile(path, shown(path));
  const yaml = mapOf(file) as FuncYaml;
  if (yaml.schema_version !== undefined && yaml.schema_version !== schemaVersion)
    throw file.failure(
      ["schema_version"],
      "value",
      `schema_version is ${String(yaml.schema_version)}, must be ${schemaVersion}, or left out for the version before`,
    );
  const app = readApp(folder, options, shown);
  const fnName = yaml.name ?? appNameOf(folder);
  return {
    folder,
    files: [path, ...app.files],
    app: options.app ?? app.name ?? appNameOf(folder),
    namespace: null,
    appConfig: app.config,
    appAnnotations: app.annotations,
    functions: [planned(fnName, yaml, file, folder, options)],
    routes: routesOf(fnName, yaml, file),
    warnings: warningsOf(yaml, file),
  };
}

function planned(name: string, yaml: FuncYaml, file: YamlFile, folder: string, { variables }: ReadOptions): PlannedFunction {
  const kind = kindOf(yaml.runtime, file);
  const config = resolveConfig(yaml.config ?? {}, file, ["config"], folder, variables);
  for (const { name: wanted, required } of yaml.expects?.config ?? []) {
    if (required && config[wanted] === undefined)
      throw file.failure(
        ["expects", "config"],
        "key",
        `The function expects ${wanted} in its config`,
        undefined,
        `add ${wanted} under config`,
      );
  }
  const isGo = kind === "go:1";
  return {
    name,
    folder,
    build: [...(yaml.build ?? []), ...(isGo ? ["CGO_ENABLED=0 go build -o func ."] : [])],
    include: isGo ? ["/func"] : null,
    exclude: [],
    settings: withDefaults({
      kind,
      protocol: "http-stream",
      handler: null,
      command: commandOf(yaml, kind),
      memoryMiB: wholeOf(yaml.memory, "memory", file, 128),
      timeoutMs: wholeOf(yaml.timeout, "timeout", file, 30) * 1000,
      idleTimeoutMs: wholeOf(yaml.idle_timeout, "idle_timeout", file, 30) * 1000,
      config,
      annotations: yaml.annotations ?? {},
    }),
    place: file.placeOf(["name"]),
  };
}

/** `node func.js`, `./func` and the FDK's own start of Python are what the kinds do anyway. */
function commandOf({ entrypoint, cmd }: FuncYaml, kind: string): string[] | null {
  const text = [entrypoint, cmd].filter((part) => part !== undefined).join(" ");
  const usual = kind.startsWith("nodejs") ? /^node func\.js$/ : kind.startsWith("python") ? /^\/python\/bin\/fdk / : /^\.\/func$/;
  return text === "" || usual.test(text) ? null : text.split(/\s+/);
}

function kindOf(runtime: string | undefined, file: YamlFile): string {
  const name = (runtime ?? "").toLowerCase();
  const version = /\d[\d.]*$/.exec(name)?.[0] ?? "";
  if (name.startsWith("node")) return version === "" ? "nodejs:24" : `nodejs:${Number.parseInt(version, 10)}`;
  if (name.startsWith("python")) return "python:3.11";
  if (name.startsWith("go")) return "go:1";
  const known = ["node", "python", "go"];
  const meant = nearest(name, known);
  throw file.failure(
    ["runtime"],
    "value",
    runtime === undefined ? "The function has no runtime" : `The runtime ${JSON.stringify(runtime)} cannot be run here`,
    meant === undefined ? `These can: ${known.join(", ")}` : `did you mean ${meant}?`,
  );
}

function routesOf(fnName: string, { triggers = [] }: FuncYaml, file: YamlFile) {
  return triggers.map(({ name, source, type = "http" }, i) => {
    if (type !== "http") throw file.failure(["triggers", i, "type"], "value", `The trigger's type is ${type}, must be http`);
    if (name === undefined || source === undefined)
      throw file.failure(["triggers", i], "value", "A trigger needs name and source");
    return { name, function: fnName, source: source.startsWith("/") ? source : `/${source}` };
  });
}

function warningsOf(yaml: FuncYaml, file: YamlFile): string[] {
  return Object.keys(yaml)
    .filter((key) => !meaningful.includes(key) && !silent.has(key))
    .map((key) => {
      const meant = nearest(key, meaningful);
      return `${file.placeOf([key], "key")}: ${key} is no key of func.yaml and is ignored${meant === undefined ? "" : `; did you mean ${meant}?`}`;
    });
}

function readApp(folder: string, { variables }: ReadOptions, shown: (path: string) => string) {
  for (const below of [folder, dirname(folder)]) {
    const path = ["app.yaml", "app.yml", "app.json"].map((name) => join(below, name)).find((candidate) => existsSync(candidate));
    if (path === undefined) continue;
    const file = new YamlFile(path, shown(path));
    const yaml = mapOf(file) as { name?: string; config?: Record<string, unknown>; annotations?: Record<string, unknown> };
    const config = resolveConfig(yaml.config ?? {}, file, ["config"], folder, variables);
    return { files: [path], name: yaml.name, config, annotations: yaml.annotations ?? {} };
  }
  return { files: [], name: undefined, config: {}, annotations: {} };
}

function wholeOf(value: number | undefined, key: string, file: YamlFile, fallback: number): number {
  if (value === undefined) return fallback;
  if (Number.isInteger(value) && value > 0) return value;
  throw file.failure([key], "value", `${key} is ${JSON.stringify(value)}, must be a whole number above 0`);
}

function mapOf(file: YamlFile): object {
  if (typeof file.value === "object" && file.value !== null && !Array.isArray(file.value)) return file.value;
  throw file.failure([], "value", "The file must be a map of keys");
}
