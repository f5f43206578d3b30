import { existsSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseEnv } from "node:util";
import { nearest } from "../../lib/nearest.ts";
import { exits, Failure } from "../failure.ts";
import type { Variables } from "./project.ts";
import type { Path, YamlFile } from "./yaml-file.ts";

const fileBytesMax = 64 * 1024;

/** `.env`, then `.env.local`, then the file that a flag names; what the caller's shell has wins over all. */
export function readVariables(folder: string, cwd: string, envFile: string | undefined, shell: Variables): Variables {
  const files = [join(folder, ".env"), join(folder, ".env.local")].filter((file) => existsSync(file));
  if (envFile !== undefined) files.push(resolve(cwd, envFile));
  return Object.assign({}, ...files.map(readEnvFile), shell) as Variables;
}

function readEnvFile(file: string): NodeJS.Dict<string> {
  try {
    return parseEnv(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new Failure({
      code: "E_USAGE",
      exit: exits.usage,
      what: "The file of variables cannot be read",
      where: file,
      why: (cause as Error).message,
      cause,
    });
  }
}

/**
 * Config with its references resolved; values are never shown. Numbers and truth values are written as text. `others`: a `${…}` that is no
 * reference of ours is refused, or kept as the plain text that it is to Fn.
 */
export function resolveConfig(
  config: Readonly<Record<string, unknown>>,
  file: YamlFile,
  path: Path,
  folder: string,
  variables: Variables,
  others: "refuse" | "keep" = "refuse",
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => [
      name,
      typeof value === "string" ? resolved(value, file, [...path, name], folder, variables, others) : String(value),
    ]),
  );
}

/** `$${` is a plain `${`. */
function resolved(
  text: string,
  file: YamlFile,
  path: Path,
  folder: string,
  variables: Variables,
  others: "refuse" | "keep",
): string {
  return text.replace(/\$?\$\{([^}]*)\}/g, (whole, reference: string) => {
    if (whole.startsWith("$$")) return whole.slice(1);
    const [, source, name] = /^(env|file):(.+)$/.exec(reference) ?? [];
    if (source === "env" && name !== undefined) return variable(name, file, path, variables);
    if (source === "file" && name !== undefined) return fileText(name, file, path, folder);
    if (others === "keep") return whole;
    throw file.failure(
      path,
      "value",
      `${whole} is no reference`,
      "It must be ${env:NAME} or ${file:PATH}",
      "write $${ for a plain ${",
    );
  });
}

function variable(name: string, file: YamlFile, path: Path, variables: Variables): string {
  const value = variables[name];
  if (value !== undefined) return value;
  const meant = nearest(name, Object.keys(variables));
  throw file.failure(
    path,
    "value",
    `The variable ${name} is not set`,
    meant === undefined ? undefined : `did you mean ${meant}?`,
    `set it: ${name}=… polykiln deploy, or write it into .env.local`,
  );
}

function fileText(name: string, file: YamlFile, path: Path, folder: string): string {
  const target = resolve(folder, name);
  try {
    if (statSync(target).size > fileBytesMax) throw new Error(`it is larger than ${fileBytesMax} bytes`);
    return readFileSync(target, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    throw file.failure(path, "value", `The file ${name} cannot be read`, (error as Error).message.replace(target, name));
  }
}
