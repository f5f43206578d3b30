/** The file that is imported, and what it is. */
import { existsSync, statSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { exits, Failure } from "../failure.ts";
import { YamlFile } from "../project/yaml-file.ts";
import { spellOutShortTags } from "./short-tags.ts";

export interface FoundFile {
  readonly path: string;
  readonly file: YamlFile;
  readonly type: "template" | "serverless";
}

/** The first one that a folder has is meant. */
const names = ["template.yaml", "template.yml", "template.json", "serverless.yml", "serverless.yaml", "serverless.json"];

/** Code that makes such a file: it is not run. */
const programs = ["serverless.ts", "serverless.js", "serverless.cjs", "serverless.mjs", "cdk.json"];

const fileBytesMax = 4 * 1024 * 1024;

/** `given`: a file or a folder, from `cwd` on. Throws a `Failure`. */
export function findFile(given: string, cwd: string): FoundFile {
  const path = fileAt(resolve(cwd, given));
  if (statSync(path).size > fileBytesMax) throw notFound(path, `It is larger than ${fileBytesMax / 1024 / 1024} MB`);
  const file = new YamlFile(path, relative(cwd, path) || basename(path), spellOutShortTags, true);
  return { path, file, type: typeOf(file) };
}

function fileAt(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw notFound(path, "It is not there");
  if (found.isFile()) {
    if (/\.(?:[cm]?[jt]s)$/.test(path)) throw isCode(path);
    return path;
  }
  const name = names.find((each) => existsSync(join(path, each)));
  if (name !== undefined) return join(path, name);
  const program = programs.find((each) => existsSync(join(path, each)));
  if (program !== undefined) throw isCode(join(path, program));
  throw notFound(path, `It has none of ${names.join(", ")}`);
}

function typeOf(file: YamlFile): FoundFile["type"] {
  const whole = file.mapOf();
  if ("Resources" in whole) return "template";
  if ("service" in whole || "provider" in whole) return "serverless";
  throw file.failure(
    [],
    "value",
    "This is neither a template nor a file of the Serverless Framework",
    "A template has Resources, the other one service and provider",
  );
}

function notFound(path: string, why: string): Failure {
  return new Failure({
    code: "E_PROJECT",
    exit: exits.usage,
    what: "There is nothing to import",
    where: path,
    why,
    fix: "name the template or the Serverless file, or the folder that has it",
  });
}

function isCode(path: string): Failure {
  const isCdk = path.endsWith("cdk.json");
  return new Failure({
    code: "E_PROJECT",
    exit: exits.usage,
    what: `${basename(path)} is made by code, which is not run`,
    where: path,
    fix: isCdk
      ? "run cdk synth, and import the template in cdk.out"
      : "run serverless print --format yaml > serverless.yml, and import that",
  });
}
