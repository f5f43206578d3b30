/** The Serverless Framework's file (version 3): its functions and layers, and what of it there is nothing for here. */
import { dirname, normalize } from "node:path";
import { exits, Failure } from "../failure.ts";
import type { Variables } from "../project/project.ts";
import type { Path, YamlFile } from "../project/yaml-file.ts";
import { contentAt } from "./content.ts";
import { type Known, Unknown } from "./intrinsics.ts";
import { Property } from "./property.ts";
import { Remarks } from "./remarks.ts";
import { remarkOnType } from "./other-resources.ts";
import { type Identity, mapIn, plainName, Resources } from "./resources.ts";
import { functionName, type Placed, type ServerlessReading } from "./serverless-reading.ts";
import { readServerlessFunction } from "./serverless-function.ts";
import { ServerlessVariables } from "./serverless-variables.ts";
import { VariableFiles } from "./variable-files.ts";
import type { Wanted, WantedLayer } from "./wanted.ts";

export interface ServerlessOptions {
  readonly file: YamlFile;
  /** Of the file, absolute. */
  readonly path: string;
  /** Files are from within this folder. */
  readonly root: string;
  readonly cwd: string;
  readonly stage: string | undefined;
  readonly stack: string | undefined;
  readonly identity: Identity;
  readonly parameters: Readonly<Record<string, string>>;
  readonly variables: Variables;
}

/** Throws a `Failure` for what is no such file, and for variables that go in a circle. */
export function readServerless(options: ServerlessOptions): Wanted {
  const { file, path, root, stage, identity, parameters } = options;
  const raw = withDefaults(file.mapOf(), identity);
  const folder = dirname(path);
  const files = new VariableFiles({ folder, root, cwd: options.cwd });
  const variables = new ServerlessVariables({
    file: file.name,
    raw,
    files,
    stage,
    parameters,
    environment: options.variables,
    identity,
  });
  const section = (name: string) => knownSection(file, name, variables.value(raw[name]));
  const provider = mapIn(section("provider"));
  checkProvider(file, provider);
  const service = serviceName(file, section("service"));
  const functions = placedOf(file, section("functions"), ["functions"]);
  const layers = placedOf(file, section("layers"), ["layers"]);
  const naming = { service, stage: variables.stage };
  const template = joined(section("resources"));
  const stack = options.stack ?? plainName(`${service}-${variables.stage}`);
  const resources = new Resources({
    file: file.name,
    stack,
    identity,
    given: parameters,
    parameters: {},
    mappings: mapIn(template["Mappings"]),
    conditions: mapIn(template["Conditions"]),
    resources: {
      ...mapIn(template["Resources"]),
      ...Object.fromEntries(
        [...functions].map(([key, each]) => [logicalName(key, "LambdaFunction"), asFunction(functionName(naming, key, each))]),
      ),
      ...Object.fromEntries(
        [...layers.keys()].map((key) => [logicalName(key, "LambdaLayer"), { Type: "AWS::Lambda::LayerVersion" }]),
      ),
    },
  });
  const remarks = new Remarks(file);
  const reading: ServerlessReading = {
    resources,
    remarks,
    folder,
    root,
    service,
    stage: variables.stage,
    provider,
    package: mapIn(section("package")),
    plugins: pluginsIn(section("plugins")),
    layerPaths: [...layers.values()].flatMap(({ value }) =>
      typeof value["path"] === "string" ? [normalize(value["path"])] : [],
    ),
    functions,
  };
  remarkOnPlugins(reading);
  for (const id of Object.keys(mapIn(template["Resources"])))
    remarkOnType(remarks, ["resources", "Resources", id], id, resources.typeOf(id));
  return {
    stack,
    functions: [...functions].flatMap(([key, each]) => readServerlessFunction(reading, key, each) ?? []),
    layers: [...layers].flatMap(([key, each]) => layerOf(reading, key, each) ?? []),
    remarks: remarks.all,
  };
}

/** What the Serverless Framework takes for said. */
function withDefaults(raw: Known, { region }: Identity): Known {
  const { provider } = raw;
  return typeof provider === "string" ? raw : { ...raw, provider: { stage: "dev", region, ...mapIn(provider) } };
}

function knownSection(file: YamlFile, name: string, value: unknown): unknown {
  if (value instanceof Unknown)
    throw file.failure([name], "value", `${name} cannot be read: ${value.why}`, undefined, value.fix ?? undefined);
  return value;
}

function checkProvider(file: YamlFile, provider: Known): void {
  const { name } = provider;
  if (name !== undefined && name !== "aws")
    throw file.failure(
      ["provider", "name"],
      "value",
      `The provider ${String(name)} is none of Lambda's`,
      "Files for aws are imported",
    );
}

function serviceName(file: YamlFile, service: unknown): string {
  const name = typeof service === "string" ? service : mapIn(service)["name"];
  if (typeof name !== "string" || name === "") throw file.failure(["service"], "key", "The service has no name");
  return name;
}

/** A map, or a list of maps, by its keys. */
function placedOf(file: YamlFile, value: unknown, path: Path): Map<string, Placed> {
  const maps = Array.isArray(value)
    ? (value as unknown[]).map((each, i): readonly [unknown, Path] => [each, [...path, i]])
    : [[value, path] as const];
  const all = new Map<string, Placed>();
  for (const [each, at] of maps) {
    for (const [key, below] of Object.entries(mapIn(knownSection(file, String(path[0]), each)))) {
      if (all.has(key)) throw file.failure([...at, key], "key", `${key} is there twice`);
      all.set(key, { value: mapIn(below), path: [...at, key] });
    }
  }
  if (path[0] === "functions" && all.size === 0)
    throw new Failure({
      code: "E_PROJECT",
      exit: exits.usage,
      what: "The file has no functions",
      where: file.placeOf(path, "key"),
    });
  return all;
}

/** Resources may be a list of templates. */
function joined(value: unknown): Known {
  const list = Array.isArray(value) ? (value as unknown[]) : [value];
  const sections = ["Resources", "Mappings", "Conditions"] as const;
  return Object.fromEntries(
    sections.map((section) => [section, Object.assign({}, ...list.map((each) => mapIn(mapIn(each)[section])))]),
  );
}

/** As the Serverless Framework names resources in its template. */
function logicalName(key: string, ending: string): string {
  const plain = key.replaceAll("-", "Dash").replaceAll("_", "Underscore");
  return plain.charAt(0).toUpperCase() + plain.slice(1) + ending;
}

function asFunction(FunctionName: string | Unknown): object {
  return { Type: "AWS::Lambda::Function", Properties: { FunctionName } };
}

function pluginsIn(value: unknown): readonly string[] {
  const list = Array.isArray(value) ? (value as unknown[]) : mapIn(value)["modules"];
  return Array.isArray(list) ? list.filter((each) => typeof each === "string") : [];
}

/** Those that do here nothing that anybody would miss. */
const idle =
  /^serverless-(?:offline|python-requirements|dotenv-plugin|iam-roles-per-function|prune-plugin|esbuild|webpack|bundle|plugin-typescript|deployment-bucket)/;

function remarkOnPlugins({ plugins, remarks }: ServerlessReading): void {
  for (const [i, plugin] of plugins.entries())
    if (!idle.test(plugin)) remarks.different(null, ["plugins", i], `the plugin ${plugin} is not run`);
}

function layerOf(reading: ServerlessReading, key: string, { value, path }: Placed): WantedLayer | undefined {
  const { remarks, service, stage } = reading;
  const property = new Property(reading.resources.intrinsics.value(value), path, key, remarks);
  const code = contentAt(reading, property.at("path"));
  if (code === null) return undefined;
  return {
    id: logicalName(key, "LambdaLayer"),
    name: plainName(property.at("name").text() ?? `${service}-${stage}-${key}`),
    place: remarks.placeOf(path, "key"),
    code,
    description: property.at("description").text() ?? "",
    runtimes: property.at("compatibleRuntimes").items.flatMap((item) => item.text() ?? []),
  };
}
