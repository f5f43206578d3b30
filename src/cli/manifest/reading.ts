import { dirname } from "node:path";
import type { Failure } from "../failure.ts";
import type { Variables } from "../project/project.ts";
import type { Path, YamlFile } from "../project/yaml-file.ts";
import type { ManifestYaml, PackageYaml } from "./schema.ts";

export interface ReadingParts {
  readonly file: YamlFile;
  readonly path: string;
  readonly yaml: ManifestYaml;
  readonly variables: Variables;
  readonly parameters: Readonly<Record<string, string>>;
  readonly warnings: string[];
}

/** One file while it is read: what it says, with the variables of who deploys put in. */
export class Reading {
  readonly file: YamlFile;
  readonly folder: string;
  readonly yaml: ManifestYaml;
  /** Inputs that the command line gives. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly #variables: Variables;
  readonly #warnings: string[];

  constructor({ file, path, yaml, variables, parameters, warnings }: ReadingParts) {
    this.file = file;
    this.folder = dirname(path);
    this.yaml = yaml;
    this.parameters = parameters;
    this.#variables = variables;
    this.#warnings = warnings;
  }

  /** Its packages, and the path that they are at: below `project`, or at the top. */
  get packages(): readonly [Path, Readonly<Record<string, PackageYaml>>] {
    const top = this.yaml.packages ?? {};
    return Object.keys(top).length > 0 ? [["packages"], top] : [["project", "packages"], this.yaml.project?.packages ?? {}];
  }

  variable(name: string): string | undefined {
    return this.#variables[name];
  }

  /** A scalar as text, with variables put in; "" for none. */
  text(path: Path, given: string | number | boolean | undefined): string {
    return given === undefined ? "" : typeof given === "string" ? this.interpolated(path, given) : String(given);
  }

  /**
   * `$NAME` and `${NAME}` are variables, `$${` is a plain `${`; a text is looked at only if it begins with `$` or has `${`. A variable that
   * is not set is empty, as for wskdeploy, and told.
   */
  interpolated(path: Path, text: string): string {
    if (!/^\$.|\$\{/s.test(text)) return text;
    return text.replace(/\$\$\{|\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)/g, (_, braced?: string, bare?: string) => {
      const name = braced ?? bare;
      if (name === undefined) return "${";
      const value = this.#variables[name];
      if (value === undefined) this.warn(path, `the variable ${name} is not set and is empty`);
      return value ?? "";
    });
  }

  warn(path: Path, text: string, part: "key" | "value" = "value"): void {
    this.#warnings.push(`${this.file.placeOf(path, part)}: ${text}`);
  }

  failure(path: Path, part: "key" | "value", what: string, why?: string, fix?: string): Failure {
    return this.file.failure(path, part, what, why, fix);
  }
}
