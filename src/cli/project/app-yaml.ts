import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { checkOf, unknownKeys } from "./check.ts";
import type { AppYaml } from "./func-schema.ts";
import type { ReadOptions } from "./project.ts";
import { appFiles } from "./project-files.ts";
import { resolveConfig } from "./references.ts";
import { schemaOf } from "./schemas.ts";
import { withoutNulls, YamlFile } from "./yaml-file.ts";

/** What `app.yaml` says; without one nothing, and the app stays as it is. */
export interface FnApp {
  readonly files: readonly string[];
  readonly name: string | undefined;
  readonly config: Readonly<Record<string, string>> | null;
  readonly annotations: Readonly<Record<string, unknown>> | null;
  readonly syslogUrl: string | null | undefined;
  readonly warnings: readonly string[];
}

const nothing: FnApp = { files: [], name: undefined, config: null, annotations: null, syslogUrl: undefined, warnings: [] };

const check = checkOf<AppYaml>("app");
const syslogSchemes = ["tcp", "udp", "tcp+tls", "unix", "unixgram"];

/** The file of a folder, or of the one above it where a single function is meant. Throws a `Failure`. */
export function readApp(folder: string, options: ReadOptions, shown: (path: string) => string, above: boolean): FnApp {
  const places = above ? [folder, dirname(folder)] : [folder];
  const path = places.flatMap((at) => appFiles.map((name) => join(at, name))).find((candidate) => existsSync(candidate));
  return path === undefined ? nothing : readAppFile(path, options, shown);
}

function readAppFile(path: string, { variables }: ReadOptions, shown: (path: string) => string): FnApp {
  const file = new YamlFile(path, shown(path));
  const value = withoutNulls(file.mapOf());
  const yaml = check(file, value);
  return {
    files: [path],
    name: yaml.name === undefined ? undefined : String(yaml.name),
    config: resolveConfig(yaml.config ?? {}, file, ["config"], dirname(path), variables, "keep"),
    annotations: yaml.annotations ?? {},
    syslogUrl: syslogOf(yaml, file),
    warnings: unknownKeys(schemaOf("app"), value).map((key) => unknownKey(file, "app.yaml", key)),
  };
}

function syslogOf({ syslog_url: given = "" }: AppYaml, file: YamlFile): string | null {
  const url = String(given);
  if (url === "" || syslogSchemes.some((scheme) => url.startsWith(`${scheme}:`))) return url === "" ? null : url;
  throw file.failure(
    ["syslog_url"],
    "value",
    `syslog_url is ${JSON.stringify(url)}`,
    `It begins with one of ${syslogSchemes.map((scheme) => `${scheme}://`).join(", ")}`,
  );
}

/** The sentence on a key that Fn does not have either. */
export function unknownKey(file: YamlFile, name: string, { path, key, meant }: ReturnType<typeof unknownKeys>[number]): string {
  const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
  return `${file.placeOf(path, "key")}: ${key} is no key of ${name} and is ignored${hint}`;
}
