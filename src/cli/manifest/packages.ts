import { nearest } from "../../lib/nearest.ts";
import type { Path } from "../project/yaml-file.ts";
import { readAction } from "./actions.ts";
import { readApis } from "./apis.ts";
import { readInputs, readPackageInputs } from "./inputs.ts";
import type { Managed } from "./managed.ts";
import type {
  Contents,
  Values,
  WantedAction,
  WantedBinding,
  WantedPackage,
  WantedRule,
  WantedSequence,
  WantedTrigger,
} from "./manifest.ts";
import { annotationsOf, defaultPackage, inPackage, type PackageReading } from "./package-reading.ts";
import type { Reading } from "./reading.ts";
import { webAnnotations } from "./web.ts";

/** All that the packages of a manifest want. Throws a `Failure`. */
export function readPackages(manifest: Reading, deployment: Reading | null, managed: Managed | null): Contents {
  const ofProject = readInputs(manifest, ["project", "inputs"], manifest.yaml.project?.inputs);
  const [path, packages] = manifest.packages;
  const names = new Map(Object.keys(packages).map((key) => [key, manifest.interpolated([...path, key], key)]));
  if (deployment !== null) checkNames(deployment, new Set(names.values()));
  const all = Object.entries(packages).map(([key, yaml]) => {
    const name = named(manifest, [...path, key], names.get(key) as string);
    return readPackage(
      { reading: manifest, path: [...path, key], name, yaml, managed, over: overIn(deployment, name) },
      ofProject,
    );
  });
  if ((manifest.yaml.project?.config ?? "") !== "") throw swagger(manifest);
  const every = <T>(pick: (contents: Contents) => readonly T[]) => all.flatMap((contents) => pick(contents));
  return {
    packages: every((contents) => contents.packages),
    bindings: every((contents) => contents.bindings),
    actions: every((contents) => contents.actions),
    sequences: every((contents) => contents.sequences),
    triggers: every((contents) => contents.triggers),
    rules: every((contents) => contents.rules),
    apis: every((contents) => contents.apis),
  };
}

function readPackage(without: Omit<PackageReading, "inputs">, ofProject: Values): Contents {
  const { reading, path, name, yaml, over } = without;
  const overInputs = over === null ? {} : readInputs(over.reading, [...over.path, "inputs"], over.yaml.inputs);
  const inputs = readPackageInputs(reading, [...path, "inputs"], yaml.inputs, ofProject, overInputs);
  const pkg = { ...without, inputs };
  if (over !== null) checkContents(pkg, over);
  const { apis, ofApis } = readApis(pkg);
  const actions = Object.keys(yaml.actions ?? {}).map((key) => readAction(pkg, key, ofApis.has(key)));
  const sequences = Object.keys(yaml.sequences ?? {}).map((key) => readSequence(pkg, key, ofApis.has(key)));
  checkApis(pkg, apis, [...actions, ...sequences]);
  return {
    packages: name === defaultPackage ? [] : [ownPackage(pkg, ofProject, overInputs)],
    bindings: Object.keys(yaml.dependencies ?? {}).map((key) => readBinding(pkg, key)),
    actions,
    sequences,
    triggers: Object.keys(yaml.triggers ?? {}).map((key) => readTrigger(pkg, key)),
    rules: Object.keys(yaml.rules ?? {}).map((key) => readRule(pkg, key)),
    apis,
  };
}

/** An API can reach web actions alone. */
function checkApis(pkg: PackageReading, apis: Contents["apis"], targets: readonly (WantedAction | WantedSequence)[]): void {
  for (const { name, action, at } of apis) {
    const target = targets.find((each) => each.name === inPackage(pkg, action[1]));
    if (target === undefined || target.annotations["web-export"] === true) continue;
    const why = `${target.place} says so`;
    throw pkg.reading.failure(
      at,
      "key",
      `API ${name} leads to ${action[1]}, which is no web action`,
      why,
      "make it one: web: true",
    );
  }
}

/** Inputs of the project are there for others, and no parameters of a package. */
function ownPackage(pkg: PackageReading, ofProject: Values, overInputs: Values): WantedPackage {
  const { reading, path, name, yaml, inputs, over } = pkg;
  const own = Object.entries({ ...inputs, ...overInputs }).filter(([key]) => !Object.hasOwn(ofProject, key));
  const version = reading.text([...path, "version"], yaml.version);
  return {
    name,
    place: reading.file.placeOf(path, "key"),
    publish: yaml.public ?? false,
    version: version === "" ? null : version,
    parameters: Object.fromEntries(own),
    annotations: annotationsOf(pkg, path, yaml.annotations, over?.path ?? null, over?.yaml.annotations),
  };
}

function readBinding(pkg: PackageReading, key: string): WantedBinding {
  const { reading, yaml, inputs } = pkg;
  const path = [...pkg.path, "dependencies", key];
  const { location, inputs: own, annotations } = yaml.dependencies?.[key] ?? {};
  const at = reading.text([...path, "location"], location);
  const [, namespace, name] = /^\/([^/]+)\/([^/]+)$/.exec(at) ?? [];
  if (namespace === undefined || name === undefined) throw elsewhere(reading, [...path, "location"], key, at);
  return {
    name: named(reading, path, reading.interpolated(path, key)),
    place: reading.file.placeOf(path, "key"),
    provider: { namespace, name },
    parameters: readInputs(reading, [...path, "inputs"], own, inputs),
    annotations: annotationsOf(pkg, path, annotations, null),
  };
}

function elsewhere(reading: Reading, path: Path, key: string, at: string): Error {
  const isRepository = /github/.test(at.replace(/^[a-z]+:\/\//, "").split("/")[0] ?? "");
  return reading.failure(
    path,
    "value",
    at === ""
      ? `The dependency ${key} has no location`
      : `The dependency ${key} is at ${at}, and only packages of a server can be bound`,
    isRepository ? "Nothing is fetched from repositories" : "A location is /NAMESPACE/PACKAGE",
    isRepository
      ? `get it, deploy its manifest by itself, and write location: /_/PACKAGE`
      : "write it as /whisk.system/utils, or as /_/PACKAGE for one of your own",
  );
}

function readSequence(pkg: PackageReading, key: string, isOfApi: boolean): WantedSequence {
  const { reading, yaml } = pkg;
  const path = [...pkg.path, "sequences", key];
  const { actions = "", web, annotations } = yaml.sequences?.[key] ?? {};
  const components = reading
    .interpolated([...path, "actions"], actions)
    .split(",")
    .map((each) => each.trim());
  if (components.includes("")) throw reading.failure([...path, "actions"], "value", "An action of the sequence has no name");
  return {
    name: inPackage(pkg, nameIn(pkg, path, key)),
    place: reading.file.placeOf(path, "key"),
    components: components.map((each) => wholeName(pkg, each)),
    annotations: {
      ...annotationsOf(pkg, path, annotations, null),
      ...webAnnotations(reading, [...path, "web"], web, isOfApi),
    },
  };
}

function readTrigger(pkg: PackageReading, key: string): WantedTrigger {
  const { reading, yaml, inputs, over } = pkg;
  const path = [...pkg.path, "triggers", key];
  const own = yaml.triggers?.[key] ?? {};
  const overOwn = over?.yaml.triggers?.[key];
  const overPath = over === null ? null : [...over.path, "triggers", key];
  const overInputs = over === null ? {} : readInputs(over.reading, [...(overPath ?? []), "inputs"], overOwn?.inputs);
  const isOlder = (own.feed ?? "") === "" && (own.source ?? "") !== "";
  if (isOlder) reading.warn([...path, "source"], "source is called feed by now");
  const feed = reading.text([...path, isOlder ? "source" : "feed"], isOlder ? own.source : own.feed);
  return {
    name: nameIn(pkg, path, key),
    place: reading.file.placeOf(path, "key"),
    feed: feed === "" ? null : feedName(feed),
    parameters: readInputs(reading, [...path, "inputs"], own.inputs, inputs, overInputs),
    annotations: {
      ...(feed === "" ? {} : { feed }),
      ...annotationsOf(pkg, path, own.annotations, overPath, overOwn?.annotations),
    },
  };
}

/** wskdeploy reads the name of a feed from the namespace on. */
function feedName(feed: string): string {
  return feed.startsWith("/") ? feed : `/_/${feed}`;
}

function readRule(pkg: PackageReading, key: string): WantedRule {
  const { reading, yaml } = pkg;
  const path = [...pkg.path, "rules", key];
  const { trigger, action, annotations } = yaml.rules?.[key] ?? {};
  const part = (name: "trigger" | "action", given: string | number | boolean | undefined) => {
    if (given !== undefined) return nameIn(pkg, [...path, name], String(given));
    throw reading.failure(path, "key", `The rule ${key} has no ${name}`, undefined, `say which: ${name}: NAME`);
  };
  const wanted = part("trigger", trigger);
  return {
    name: nameIn(pkg, path, key),
    place: reading.file.placeOf(path, "key"),
    trigger: wanted.startsWith("/") ? wanted : `/_/${wanted}`,
    action: wholeName(pkg, part("action", action)),
    annotations: annotationsOf(pkg, path, annotations, null),
  };
}

/** A name may be a variable, or the package's input of that name. */
function nameIn({ reading, inputs }: PackageReading, path: Path, key: string): string {
  const input = inputs[key.replace("$", "").replaceAll(/[{}]/g, "")];
  const name = typeof input === "string" && key.startsWith("$") ? input : reading.interpolated(path, key);
  return named(reading, path, name.trim());
}

/** An empty one is a variable that is not set, mostly. */
function named(reading: Reading, path: Path, name: string): string {
  if (name !== "") return name;
  throw reading.failure(path, "key", "This name is empty", "The variable in it is not set", "set it, or write the name itself");
}

/** A bare name is one of the package, `package/name` of the namespace, and one with a slash at its beginning is whole. */
function wholeName(pkg: PackageReading, name: string): string {
  if (name.startsWith("/")) return name;
  return `/_/${name.includes("/") ? name : inPackage(pkg, name)}`;
}

function overIn(deployment: Reading | null, name: string): PackageReading["over"] {
  if (deployment === null) return null;
  const [path, packages] = deployment.packages;
  const found = Object.entries(packages).find(([key]) => deployment.interpolated([...path, key], key) === name);
  return found === undefined ? null : { reading: deployment, path: [...path, found[0]], yaml: found[1] };
}

function checkNames(deployment: Reading, known: ReadonlySet<string>): void {
  const [path, packages] = deployment.packages;
  for (const key of Object.keys(packages)) warnUnknown(deployment, [...path, key], "package", key, known);
}

/** What the deployment's file says of nothing is told. */
function checkContents({ yaml }: PackageReading, over: NonNullable<PackageReading["over"]>): void {
  for (const [noun, name] of [
    ["actions", "action"],
    ["triggers", "trigger"],
  ] as const) {
    const known = new Set(Object.keys(yaml[noun] ?? {}));
    for (const key of Object.keys(over.yaml[noun] ?? {})) warnUnknown(over.reading, [...over.path, noun, key], name, key, known);
  }
}

function warnUnknown(reading: Reading, path: Path, noun: string, key: string, known: ReadonlySet<string>): void {
  if (known.has(reading.interpolated(path, key))) return;
  const meant = nearest(key, known);
  reading.warn(path, `the manifest has no ${noun} ${key}${meant === undefined ? "" : `; did you mean ${meant}?`}`, "key");
}

function swagger(reading: Reading): Error {
  return reading.failure(
    ["project", "config"],
    "key",
    "An API from a Swagger file is not deployed from a manifest",
    undefined,
    "write it as apis of a package, or make it with `wsk api create --config-file`",
  );
}
