/** Which of Lambda's runtimes there are, and what runs their code here. */
import type { Kinds } from "../../image/image.ts";
import type { ConventionName, Fn, ProtocolName } from "../../model/model.ts";
import { invalidParameter } from "./errors.ts";

export interface LambdaRuntime {
  readonly kind: string;
  readonly protocol: ProtocolName;
  /** Null: the code speaks the protocol itself. */
  readonly convention: ConventionName | null;
}

/** Major versions of Node that Lambda has had, and the kind here that runs what was written for them. */
const nodeKinds: Readonly<Record<string, string>> = { 26: "nodejs:24", 24: "nodejs:24", 22: "nodejs:22", 20: "nodejs:20" };

/** Throws `Refusal` that says what there is. */
export function runtimeNamed(given: unknown, kinds: Kinds): LambdaRuntime {
  if (typeof given !== "string" || given === "")
    throw invalidParameter("Runtime and Handler are mandatory parameters for functions created with deployment packages.");
  const found = runtimeOf(given);
  if (found === null || !kinds.list().some(({ name, aliases }) => name === found.kind || aliases.includes(found.kind)))
    throw invalidParameter(
      `The runtime parameter of ${given.slice(0, 60)} is not supported here. Those that are: ${offered(kinds)}`,
    );
  return { ...found, kind: kinds.resolve(found.kind) };
}

function runtimeOf(name: string): LambdaRuntime | null {
  const node = /^nodejs(\d+)\.x$/.exec(name)?.[1];
  if (node !== undefined) {
    const kind = nodeKinds[node] ?? (Number(node) < 20 ? "nodejs:20" : null);
    return kind === null ? null : { kind, protocol: "frames", convention: "lambda" };
  }
  if (/^python3\.\d+$/.test(name)) return { kind: "python:3", protocol: "frames", convention: "lambda" };
  if (/^(?:provided(?:\.al2|\.al2023)?|go1\.x)$/.test(name))
    return { kind: "provided:1", protocol: "runtime-api", convention: null };
  // What was compiled for an older one runs on a newer one.
  if (/^java(?:8\.al2|11|17)$/.test(name)) return { kind: "java:17", protocol: "runtime-api", convention: null };
  return null;
}

function offered(kinds: Kinds): string {
  const names = ["nodejs24.x", "nodejs22.x", "nodejs20.x", "python3.11", "java17", "java11", "provided.al2023", "provided.al2"];
  return names
    .filter((name) => kinds.list().some((kind) => [kind.name, ...kind.aliases].includes(runtimeOf(name)?.kind ?? "")))
    .join(", ");
}

/** What is shown of a function that no client of Lambda made: `nodejs:24` as `nodejs24.x`, `python:3.11` as `python3.11`. */
export function runtimeShown({ source }: Pick<Fn, "source">): string | undefined {
  if (source.type === "sequence" || source.kind === undefined) return undefined;
  const [family = "", version = ""] = source.kind.split(":");
  if (["native", "go", "provided"].includes(family)) return "provided.al2023";
  return `${family}${version}${family === "nodejs" ? ".x" : ""}`;
}
