import { existsSync, statSync } from "node:fs";
import { extname, resolve } from "node:path";
import type { Path } from "../project/yaml-file.ts";
import type { CodeSource } from "./code.ts";
import { readInputs } from "./inputs.ts";
import type { ActionLimits, Values, WantedAction } from "./manifest.ts";
import { annotationsOf, inPackage, type PackageReading } from "./package-reading.ts";
import type { Reading } from "./reading.ts";
import type { ActionYaml } from "./schema.ts";
import { webAnnotations } from "./web.ts";
import { imageKind } from "./wire.ts";

/** What OpenWhisk gives an action that says nothing. */
const limitDefaults: ActionLimits = { timeout: 60_000, memory: 256, logs: 10 };

/** Families of kinds by what a file is called. */
const families: Readonly<Record<string, string>> = {
  ".js": "nodejs",
  ".mjs": "nodejs",
  ".cjs": "nodejs",
  ".ts": "deno",
  ".py": "python",
  ".rb": "ruby",
  ".php": "php",
  ".jar": "java",
  ".java": "java",
  ".go": "go",
  ".rs": "rust",
  ".swift": "swift",
  ".cs": "dotnet",
};

const skeletonImage = "openwhisk/dockerskeleton";

/** An action of a package. `isOfApi`: see `webAnnotations`. Throws a `Failure`. */
export function readAction(pkg: PackageReading, key: string, isOfApi: boolean): WantedAction {
  const { reading, inputs, over } = pkg;
  const path = [...pkg.path, "actions", key];
  const yaml = pkg.yaml.actions?.[key] ?? {};
  const overYaml = over?.yaml.actions?.[key];
  const overPath = over === null ? null : [...over.path, "actions", key];
  const overInputs = over === null ? {} : readInputs(over.reading, [...(overPath ?? []), "inputs"], overYaml?.inputs);
  const text = (name: "main" | "version") => reading.text([...path, name], yaml[name]) || null;
  checkSecret(reading, path, yaml);
  const image = imageOf(reading, path, yaml);
  const code = codeOf(reading, path, yaml, image !== null);
  return {
    name: inPackage(pkg, key),
    place: reading.file.placeOf(path, "key"),
    kind: image === null ? kindOf(reading, path, yaml, code) : imageKind,
    image,
    main: text("main"),
    code,
    limits: limitsOf(yaml),
    version: text("version"),
    parameters: readInputs(reading, [...path, "inputs"], yaml.inputs, inputs, overInputs),
    annotations: {
      ...annotationsOf(pkg, path, yaml.annotations, overPath, overYaml?.annotations),
      ...webOf(reading, path, yaml, isOfApi),
      ...(yaml.conductor === true ? { conductor: true } : {}),
    },
  };
}

/** What callers of a web action have to send. */
function checkSecret(reading: Reading, path: Path, { annotations = {} }: ActionYaml): void {
  const secret = annotations[secretKey];
  const isText = typeof secret === "string" && secret !== "" && secret !== "<nil>";
  const isNumber = Number.isSafeInteger(secret) && Number(secret) > 0;
  if (!Object.hasOwn(annotations, secretKey) || typeof secret === "boolean" || isText || isNumber) return;
  const at = [...path, "annotations", secretKey];
  throw reading.failure(at, "value", `${secretKey} must be true, false, a text, or a whole number above 0`);
}

const secretKey = "require-whisk-auth";

function imageOf(reading: Reading, path: Path, { docker, native }: ActionYaml): string | null {
  const image = reading.text([...path, "docker"], docker);
  return native === true ? skeletonImage : image === "" ? null : image;
}

function codeOf(reading: Reading, path: Path, yaml: ActionYaml, hasImage: boolean): CodeSource | null {
  const name = isSaid(yaml.function) ? "function" : "location";
  const said = reading.text([...path, name], yaml[name]);
  if (isSaid(yaml.code) && said !== "")
    throw reading.failure([...path, "code"], "key", "An action has code or function, not both");
  if (isSaid(yaml.code)) return { type: "text", text: String(yaml.code) };
  if (/^https?:\/\//.test(said)) return { type: "url", url: said, place: reading.file.placeOf([...path, name]) };
  if (said === "" && hasImage) return null;
  if (said === "") throw reading.failure(path, "key", "The action has no code", undefined, "say where it is: function: FILE");
  const file = resolve(reading.folder, said);
  if (!existsSync(file)) throw reading.failure([...path, name], "value", `There is no ${said}`, `It would be ${file}`);
  if (!statSync(file).isDirectory()) return { type: "file", path: file };
  const { include = [], exclude = [] } = yaml;
  return { type: "folder", path: file, base: reading.folder, include, exclude, place: reading.file.placeOf([...path, name]) };
}

/** wskdeploy's export writes empty texts for all that is not there. */
function isSaid(given: string | number | boolean | undefined): boolean {
  return given !== undefined && given !== "";
}

function kindOf(reading: Reading, path: Path, { runtime }: ActionYaml, code: CodeSource | null): string {
  const said = reading.text([...path, "runtime"], runtime).toLowerCase();
  if (said !== "") return said;
  const fix = "say which: runtime: nodejs:24, or another of `polykiln kind list`";
  if (code === null || code.type === "text" || code.type === "folder")
    throw reading.failure(path, "key", "The action has no runtime", "Nothing says in which language its code is", fix);
  const extension = extname(code.type === "url" ? new URL(code.url).pathname : code.path).toLowerCase();
  const family = families[extension];
  if (family !== undefined) return `${family}:default`;
  const why =
    extension === ".zip" ? "A zip may have code in any language" : `Files that end with ${JSON.stringify(extension)} say nothing`;
  throw reading.failure(path, "key", "The action has no runtime", why, fix);
}

function limitsOf({ limits = {} }: ActionYaml): ActionLimits {
  const { timeout = limitDefaults.timeout, memorySize = limitDefaults.memory, logSize = limitDefaults.logs } = limits;
  return { timeout, memory: memorySize, logs: logSize };
}

function webOf(reading: Reading, path: Path, yaml: ActionYaml, isOfApi: boolean): Values {
  const name = isSaid(yaml.web) ? "web" : "web-export";
  const said = Object.hasOwn(yaml.annotations ?? {}, "web-export");
  return webAnnotations(reading, [...path, name], yaml[name], isOfApi && !said);
}
