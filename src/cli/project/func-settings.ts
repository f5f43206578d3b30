import { nearest } from "../../lib/nearest.ts";
import { declared, formatProtocols } from "../../model/declared.ts";
import { fnDefaults } from "../../model/fn-defaults.ts";
import type { ProtocolName } from "../../model/model.ts";
import type { FuncYaml } from "./func-schema.ts";
import { packageMain } from "./package-main.ts";
import { schemaVersion } from "./schemas.ts";
import type { YamlFile } from "./yaml-file.ts";

/** Runtimes of Fn's client that a server may have a kind for. */
const others = ["java", "kotlin", "ruby", "dotnet"];
const known = ["node", "python", "go"];

const plain = (name: string) => ({ name, warnings: [] });

/** The kind behind `runtime`. Throws a `Failure` for one that no server has. */
export function kindOf({ runtime }: FuncYaml, file: YamlFile): { readonly name: string; readonly warnings: readonly string[] } {
  const given = runtime === undefined ? "" : String(runtime);
  const [, family = "", version = ""] = /^([a-z]+):?(\d[\w.]*)?$/.exec(given.toLowerCase()) ?? [];
  switch (family) {
    case "node":
    case "nodejs":
      return plain(`nodejs:${version === "" ? "24" : Number.parseInt(version, 10)}`);
    case "python":
      return { name: "python:3.11", warnings: version === "" || version.startsWith("3.11") ? [] : [pythonNote(file, given)] };
    case "go":
      return plain("go:1");
    case "docker":
      throw file.failure(
        ["runtime"],
        "value",
        "The runtime docker means a Dockerfile, which is built by Docker alone",
        undefined,
        "build and push it with `fn build` and `fn push`, and name the image in a kiln.yaml (image: …), or take one of the runtimes",
      );
  }
  // A kind of the server, of its own or of the operator's, is checked there.
  if (given.includes(":") || others.includes(family)) return plain(given);
  const meant = nearest(given, [...known, ...others]);
  throw file.failure(
    ["runtime"],
    "value",
    given === "" ? "The function has no runtime" : `The runtime ${JSON.stringify(given)} cannot be run here`,
    meant === undefined
      ? `These can: ${known.join(", ")}, and any kind of the server (polykiln kind list)`
      : `did you mean ${meant}?`,
  );
}

function pythonNote(file: YamlFile, given: string): string {
  return `${file.placeOf(["runtime"])}: ${given} runs on Python 3.11, the one there is`;
}

/** What a `func.yaml` sets of a function, in the API's words, and which file it starts with. */
export interface Entry {
  readonly settings: Readonly<Record<string, unknown>>;
  /** In the function's folder; null: the kind looks for it. */
  readonly file: string | null;
}

export function settingsOf(yaml: FuncYaml, kind: string, folder: string, file: YamlFile): Entry {
  const start = startOf(yaml, kind, folder);
  const { strategy, count } = yaml.deploy?.oci?.provisioned_concurrency ?? {};
  return {
    file: start.file,
    settings: {
      kind,
      protocol: protocolOf(yaml, file),
      handler: start.handler,
      command: start.command,
      memoryMiB: yaml.memory || fnDefaults.memoryMiB,
      timeoutMs: (yaml.timeout ?? 0) * 1000 || fnDefaults.timeoutMs,
      idleTimeoutMs: (yaml.idle_timeout ?? 0) * 1000 || fnDefaults.idleTimeoutMs,
      provisioned: strategy === "NONE" ? 0 : (count ?? 0),
    },
  };
}

/** The version before could name one of the older formats; the current one ignores the key, and has an annotation for it here. */
function protocolOf({ schema_version: schema, format: key, annotations }: FuncYaml, file: YamlFile): ProtocolName {
  const isKey = key !== undefined && schema !== schemaVersion;
  const format = isKey ? key : (annotations?.[declared.format] ?? "http-stream");
  const name = String(format);
  const protocol = Object.hasOwn(formatProtocols, name) ? formatProtocols[name] : undefined;
  if (protocol !== undefined) return protocol;
  const names = Object.keys(formatProtocols);
  const meant = nearest(name, names);
  throw file.failure(
    isKey ? ["format"] : ["annotations", declared.format],
    "value",
    `format is ${JSON.stringify(format)}, must be one of ${names.join(", ")}`,
    meant === undefined ? undefined : `did you mean ${meant}?`,
  );
}

/** What the version before said in keys of its own, as the server reads it: the path of `/r/APP/…`, and that nobody waits. */
export function annotationsOf(yaml: FuncYaml, path: string | undefined, file: YamlFile): Record<string, unknown> {
  const type = String(yaml.type ?? "sync");
  if (type !== "sync" && type !== "async")
    throw file.failure(["type"], "value", `type is ${JSON.stringify(type)}, must be sync or async`);
  return {
    ...(path !== undefined && { [declared.path]: path }),
    ...(type === "async" && { [declared.type]: type }),
    ...yaml.annotations,
  };
}

interface Start {
  readonly command: readonly string[] | null;
  readonly handler: string | null;
  readonly file: string | null;
}

/** `node func.js`, `./func` and the kit's own start of Python are what the kinds do anyway. */
function startOf({ entrypoint, cmd }: FuncYaml, kind: string, folder: string): Start {
  const words = [...(splitWords(entrypoint) ?? []), ...(splitWords(cmd) ?? [])];
  const usual = { command: null, handler: null };
  if (words.length === 0) return { ...usual, file: null };
  const [program = "", first = "", second = "", ...more] = words;
  const path = first.replace(/^(?:\/function|\.)\//, "");
  if (kind.startsWith("nodejs") && program === "node" && more.length === 0 && second === "") {
    const main = packageMain(folder) ?? "func.js";
    return { command: path === main ? null : words, handler: null, file: path };
  }
  if (kind.startsWith("python") && program.endsWith("/fdk") && /^[^/]+\.py$/.test(path)) {
    const [name, handler] = [path.slice(0, -3), second || "handler"];
    const isUsual = name === "func" && handler === "handler";
    return { command: null, handler: isUsual ? null : `${name}.${handler}`, file: path };
  }
  if (kind.startsWith("java") && words.length === 1 && program.includes("::")) return { ...usual, handler: program, file: null };
  if (kind === "go:1" && words.join(" ") === "./func") return { ...usual, file: null };
  return { command: words, handler: null, file: null };
}

/** A command line without quotes, as Fn's client splits it; null: there is none. */
export function splitWords(text: unknown): string[] | null {
  const words = String(text ?? "")
    .split(/\s+/)
    .filter((word) => word !== "");
  return words.length === 0 ? null : words;
}
