/** What has to be installed for code that names its packages and does not bring them (docs/decisions/0019-dependencies.md). */
import { PlatformError } from "../../model/error.ts";
import type { InstallMode } from "../../model/model.ts";
import type { ProvidedPackages } from "./provided.ts";

/** Where packages come from; addresses may have `user:password@`. */
export interface Registries {
  /** Of npm, with a slash at its end. */
  readonly npm: string;
  /** Of pip: the simple index, without a slash at its end. */
  readonly pip: string;
  /** Of modules of Go, without a slash at its end. */
  readonly go: string;
  /** Of crates: the sparse index, without a slash at its end. */
  readonly cargo: string;
  /** What indexes may refer to besides, as `HOST:PORT`. */
  readonly hosts: readonly string[];
  /** Certificates that are trusted besides those of the machine, in PEM; null: none. */
  readonly ca: string | null;
}

export const publicRegistries: Registries = {
  npm: "https://registry.npmjs.org/",
  pip: "https://pypi.org/simple",
  go: "https://proxy.golang.org",
  cargo: "https://index.crates.io",
  hosts: ["files.pythonhosted.org:443"],
  ca: null,
};

/** What the code in a folder asks for. */
export interface Wanted {
  /** Files that name packages, by their path in the code; they decide what is installed. */
  readonly files: Readonly<Record<string, string>>;
  /** Other files of the code have a part in it. */
  readonly needsCode: boolean;
  /** Every version is written down. */
  readonly locked: boolean;
  /** Of these files, those that are not as they are in the code. */
  readonly written?: readonly string[];
}

/** Text by path of the files that are not as they are in the code. */
export function writtenOf({ files, written = [] }: Wanted): Readonly<Record<string, string>> {
  return Object.fromEntries(written.map((name) => [name, files[name] ?? ""]));
}

/** What the program in the sandbox is told (`runtimes/install/main.cjs`). */
export interface InstallJob {
  /** Files and folders at the top of the code, which are copied to where the command runs. */
  readonly copy: readonly string[];
  /** Other files there, text by path. */
  readonly write: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly ca: string | null;
  /** What is sent of it: folder there by folder in the code. */
  readonly results: Readonly<Record<string, string>>;
}

/** What a package manager is told of the code besides its folder. */
export interface CodeFacts {
  /** Packages that the code uses and need not name. */
  readonly provided: ProvidedPackages;
  /** The function that is called; null: the kind's default. */
  readonly main: string | null;
  /** Host folder of what is compiled with the code and calls it. */
  readonly launchers: string;
}

/** A package manager, or a compiler. */
export interface PackageManager {
  readonly name: "npm" | "pip" | "go" | "cargo" | "javac";
  /** How an error begins. */
  readonly failed: string;
  /** Null: nothing is missing. */
  find(folder: string, facts: CodeFacts): Promise<Wanted | null>;
  job(wanted: Wanted, mode: InstallMode, registries: Registries, copy: readonly string[]): InstallJob;
  /** `HOST:PORT` of all that it may connect to. */
  hosts(registries: Registries): readonly string[];
  /** Whether something is missing although it ended well, judged by what it printed. */
  isIncomplete(said: string): boolean;
  /** Why it failed, judged by what it printed. */
  explain(said: string): Explanation;
}

/** A sentence on what happened, and one on what to do. */
export interface Explanation {
  readonly reason: "not_found" | "conflict" | "lockfile" | "integrity" | "unreachable" | "disk" | "memory" | "source" | "failed";
  readonly why: string;
  readonly fix: string;
}

/** The first explanation whose pattern is in the text; `$1` is what its first group found. */
export function explained(said: string, table: readonly (readonly [RegExp, Explanation])[], other: Explanation): Explanation {
  for (const [pattern, explanation] of table) {
    const found = pattern.exec(said);
    if (found === null) continue;
    const fill = (text: string) => text.replaceAll("$1", () => (found[1] ?? "").trim().slice(0, 200));
    return { ...explanation, why: fill(explanation.why), fix: fill(explanation.fix) };
  }
  return other;
}

/** `HOST:PORT` of a registry's address. */
export function hostOf(address: string): string {
  const { hostname, port, protocol } = new URL(address);
  return `${hostname}:${port || (protocol === "http:" ? "80" : "443")}`;
}

const linesShown = 30;
const shownBytesMax = 4000;

/** The end of what was printed, for people. */
export function lastLines(said: string): string {
  const lines = said.split("\n").filter((line) => line.trim() !== "");
  return lines.slice(-linesShown).join("\n").slice(-shownBytesMax);
}

export const couldNotInstall = "The packages of the code could not be installed";

/** The answer to a deploy whose packages could not be installed. `failed` is how it begins, `output` what the package manager printed. */
export function buildFailed(
  { reason, why, fix }: Explanation | { reason: string; why: string; fix: string },
  output: string,
  failed = couldNotInstall,
) {
  const message = `${failed}: ${why}${fix === "" ? "" : `. ${fix}`}`;
  return new PlatformError("build_failed", message, { details: { reason, output: lastLines(output) } });
}
