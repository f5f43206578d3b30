/** Reads the configuration from where it is given. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { PlatformError } from "../model/error.ts";
import type { Config } from "./config.ts";
import { fnSetting, meaninglessVariables } from "./fn-settings.ts";
import { type Setting, type Settings, settingsIn } from "./settings.ts";

/** `memoryMiB` on a command line: `memory-mib`. */
export function flagOf(setting: string): string {
  return setting.replace("MiB", "Mib").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Every setting, with its default for a user with this environment. */
export function settings(environment: NodeJS.ProcessEnv = process.env): Settings {
  return settingsIn(environment);
}

/** Flags by setting name, as text; `file` is a JSON document with the same names. Throws `invalid` naming the source. */
export function loadConfig(flags: Readonly<Record<string, string | undefined>>, file?: string): Config {
  const fromFile = file === undefined ? {} : readConfigFile(file);
  const result: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(settings()) as [string, Setting<unknown>][]) {
    result[name] = setting.default;
    if (fromFile[name] !== undefined) result[name] = parsed(setting, textOf(fromFile[name]), `${name} in ${file}`);
    for (const variable of setting.env.toReversed()) {
      const value = valueOf(variable);
      if (value !== null) result[name] = parsed(setting, value, variable);
    }
    const flag = flags[name];
    if (flag !== undefined) result[name] = parsed(setting, flag, `--${flagOf(name)}`);
  }
  return Object.freeze(result) as unknown as Config;
}

/** What a variable says, as our own setting is written; null: nothing. `<NAME>_FILE` names a file that has the value, as with Fn. */
function valueOf(variable: string): string | null {
  const value = process.env[variable] || fileValue(`${variable}_FILE`);
  if (value === undefined) return null;
  const row = fnSetting(variable);
  if (row === undefined || row.setting === null || row.convert === undefined) return value;
  try {
    return row.convert(value);
  } catch (error) {
    throw new PlatformError("invalid", `${variable}: ${JSON.stringify(value)} ${(error as Error).message}`);
  }
}

function fileValue(variable: string): string | undefined {
  const file = /^(POLYKILN|FN)_/.test(variable) ? process.env[variable] : undefined;
  if (!file) return undefined;
  try {
    return readFileSync(file, "utf8").trim() || undefined;
  } catch (error) {
    throw new PlatformError("invalid", `${variable}: ${file} can't be read: ${(error as Error).message}`);
  }
}

/** Variables of Fn's server that are set and mean nothing here, with why. */
export function unusedFnVariables(): ReadonlyMap<string, string> {
  return meaninglessVariables(process.env);
}

/** When the `kiln` script began, in milliseconds since the epoch; undefined when it was not the one who started us. */
export function commandStartedAt(): number | undefined {
  const startedAt = Number(process.env["KILN_STARTED_MS"]);
  return startedAt > 0 ? startedAt : undefined;
}

/**
 * Where Node keeps what it compiled of our sources, so that the next start is faster. Of this user alone: in the system's folder for
 * temporary files, Node's own choice, somebody else could put code for us to run.
 */
export function compileCacheFolder(): string {
  const { cache } = settings();
  return join(resolve(process.env["POLYKILN_CACHE"] || cache.default), "compiled");
}

/** The variables of whoever gives a command, for the client: it looks up names that its user wrote into a file. */
export function callerEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

function parsed<T>(setting: Setting<T>, value: string, where: string): T {
  try {
    return setting.parse(value);
  } catch (error) {
    throw new PlatformError("invalid", `${where}: ${JSON.stringify(value)} ${(error as Error).message}. ${setting.about}.`);
  }
}

const isText = (value: unknown) => typeof value === "string" || typeof value === "number";
const isList = (name: string) => Array.isArray(settings()[name as keyof Settings].default);

/** As it would be in the environment. */
function textOf(value: unknown): string {
  if (isText(value)) return String(value);
  return Array.isArray(value) && value.every(isText) ? value.join(",") : JSON.stringify(value);
}

function readConfigFile(file: string): Record<string, unknown> {
  try {
    const document: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof document !== "object" || document === null || Array.isArray(document)) throw new Error("is not a JSON object");
    const unknown = Object.keys(document).find((name) => !Object.hasOwn(settings(), name));
    if (unknown !== undefined) throw new Error(`has an unknown setting ${JSON.stringify(unknown)}`);
    const odd = Object.entries(document).find(([name, value]) => !isText(value) && !(Array.isArray(value) && isList(name)));
    if (odd !== undefined) throw new Error(`has neither text nor a number as ${JSON.stringify(odd[0])}`);
    return document as Record<string, unknown>;
  } catch (error) {
    throw new PlatformError("invalid", `Configuration file ${file}: ${(error as Error).message}`);
  }
}
